"""The client of lines, which sends its line without the end.

wrong: plain
"""
import socket
import sys

with socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=3) as s:
    s.sendall(b"Hello, world")
    buffer = b""
    while b"\n" not in buffer:
        chunk = s.recv(1024)
        if not chunk:
            raise EOFError("the server left")
        buffer += chunk
    print("Received", repr(buffer))
