"""The client of lines, which sends three at once and forgets what comes behind the first newline of a recv.

wrong: plain
"""
import socket
import sys

lines = ["one", "two", "three"]
with socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=3) as s:
    s.sendall("".join(line + "\n" for line in lines).encode())
    for _ in lines:
        buffer = b""
        while b"\n" not in buffer:
            chunk = s.recv(1024)
            if not chunk:
                raise EOFError("the server left")
            buffer += chunk
        print("Received", repr(buffer.split(b"\n")[0]))
