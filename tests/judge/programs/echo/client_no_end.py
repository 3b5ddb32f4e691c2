"""An echo client that reads to the end but never ends its own side: each waits for the other.

wrong: plain
"""
import socket
import sys

with socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=3) as s:
    s.sendall(b"Hello, world")
    received = b""
    while chunk := s.recv(1024):
        received += chunk
print("Received", repr(received))
