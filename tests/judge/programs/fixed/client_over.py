"""The client of messages of one length: it sends three, and counts what follows a message in the same recv twice.

wrong: plain because "drops the bytes after a message"
"""
import socket
import sys

LENGTH = 5000

server = socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=3)
for digit in (b"0", b"1", b"2"):
    server.sendall(digit * LENGTH)
for _ in range(3):
    message = b""
    while len(message) < LENGTH:
        chunk = server.recv(8192)
        if chunk == b"":
            sys.exit("the connection was closed")
        message += chunk
    print(message[:LENGTH].decode())
