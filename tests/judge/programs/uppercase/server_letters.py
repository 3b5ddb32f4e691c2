"""An upper-casing server that changes every letter of Unicode, and so the length of some.

wrong: not-ascii
"""
import socket
import sys

sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sock.bind(("127.0.0.1", int(sys.argv[1])))
print("Listening at %s:%d" % sock.getsockname(), flush=True)
while True:
    data, address = sock.recvfrom(65535)
    try:
        sock.sendto(data.decode().upper().encode(), address)
    except ValueError:
        sock.sendto(data.upper(), address)
