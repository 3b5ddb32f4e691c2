"""The server of the chat in turns. It takes two turns for one of the client.

wrong: two-clients
"""
import socket
import sys

sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sock.bind(("127.0.0.1", int(sys.argv[1])))
print("Listening at %s:%d" % sock.getsockname(), flush=True)
while True:
    turn, address = sock.recvfrom(65535)
    sock.sendto(b"Indeed", address)
    sock.sendto(b"And you?", address)
