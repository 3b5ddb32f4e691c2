"""The client of the clock, which does not notice the end: it reads nothing again and again.

wrong: end
"""
import socket
import sys

s = socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=3)
buffer = b""
while True:
    buffer += s.recv(1024)
    while len(buffer) >= 10:
        end = 10 + int(buffer[:10])
        if end > 100_000:
            raise ValueError("too long")
        if len(buffer) < end:
            break
        print(repr(buffer[10:end].decode()))
        buffer = buffer[end:]
