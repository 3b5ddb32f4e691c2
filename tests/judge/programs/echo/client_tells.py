"""An echo client that takes one recv for the whole answer, and also prints what it sends.

wrong: byte-by-byte
"""
import socket
import sys

message = b"Hello, world"
with socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=3) as server:
    print(f"Sending {message!r}")
    server.sendall(message)
    print(f"Received {server.recv(1024)!r}")
