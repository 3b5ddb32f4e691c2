"""The client of the sixteen bytes, which sends seventeen.

wrong: plain
"""
import socket
import sys

with socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=3) as s:
    s.sendall(b"Hi there, server!")
    data = b""
    while len(data) < 16:
        more = s.recv(16 - len(data))
        if not more:
            raise EOFError("short answer")
        data += more
print("The server said", repr(data))
