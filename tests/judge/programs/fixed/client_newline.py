"""The client of messages of one length, which adds a newline.

wrong: plain
"""
import socket
import sys

LENGTH = int(sys.argv[3]) if len(sys.argv) > 3 else 5000

with socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=3) as s:
    s.sendall(b"x" * LENGTH + b"\n")
    answer = b""
    while len(answer) < LENGTH:
        chunk = s.recv(LENGTH - len(answer))
        if not chunk:
            raise EOFError("short")
        answer += chunk
    print(answer.decode())
