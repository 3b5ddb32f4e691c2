"""The client of lines, which prints only whether they come back. Its shortest line is also a part of what it prints.

right
"""
import socket
import sys

LIMIT = 65536

with socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=3) as server:
    file = server.makefile("rwb")
    for line in (b"a", b"", b"c" * 5000):
        file.write(line + b"\n")
        file.flush()
        if file.readline(LIMIT) != line + b"\n":
            sys.exit("another line came back")
print("all right")
