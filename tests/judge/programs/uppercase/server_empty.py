"""An upper-casing server that takes an empty datagram for the end, as on a stream.

wrong: empty
"""
import socket
import sys

sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sock.bind(("127.0.0.1", int(sys.argv[1])))
print("Listening at %s:%d" % sock.getsockname(), flush=True)
while True:
    data, address = sock.recvfrom(65535)
    if not data:
        break
    sock.sendto(data.upper(), address)
