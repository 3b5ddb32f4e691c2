"""The server of the chat in turns, which does not answer an empty turn.

wrong: empty
"""
import socket
import sys

sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sock.bind(("127.0.0.1", int(sys.argv[1])))
print("Listening at %s:%d" % sock.getsockname(), flush=True)
while True:
    turn, address = sock.recvfrom(65535)
    if turn:
        sock.sendto(b"Indeed", address)
