"""An upper-casing server whose buffer is 1024 bytes: the system drops the rest of a longer datagram.

wrong: largest
"""
import socket
import sys

sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sock.bind(("127.0.0.1", int(sys.argv[1])))
print("Listening at %s:%d" % sock.getsockname(), flush=True)
while True:
    data, address = sock.recvfrom(1024)
    sock.sendto(data.upper(), address)
