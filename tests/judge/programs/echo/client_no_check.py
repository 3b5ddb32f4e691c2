"""An echo client that takes for whole whatever came before the end.

wrong: cut-off
"""
import socket
import sys

with socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=3) as s:
    s.sendall(b"Hello, world")
    s.shutdown(socket.SHUT_WR)
    received = b""
    while chunk := s.recv(1024):
        received += chunk
print("Received", repr(received))
