"""The client of the sixteen bytes, whose loop does not look at an empty recv.

wrong: cut-off
"""
import socket
import sys

with socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=3) as s:
    s.sendall(b"Hi there, server")
    data = b""
    while len(data) < 16:
        data += s.recv(16 - len(data))
print("The server said", repr(data))
