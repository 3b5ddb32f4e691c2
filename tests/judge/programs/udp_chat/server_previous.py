"""The server of the chat in turns. It answers whoever wrote the turn before.

wrong: two-clients
"""
import socket
import sys

sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sock.bind(("127.0.0.1", int(sys.argv[1])))
print("Listening at %s:%d" % sock.getsockname(), flush=True)
previous = None
while True:
    turn, address = sock.recvfrom(65535)
    sock.sendto(b"Indeed", previous or address)
    previous = address
