"""An echo client that reads until as many bytes came back as it sent.

right
"""
import socket
import sys

message = b"Hello, world"
with socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=3) as s:
    s.sendall(message)
    received = b""
    while len(received) < len(message):
        chunk = s.recv(1024)
        if not chunk:
            sys.exit(f"The server ended after {len(received)} of {len(message)} bytes")
        received += chunk
print("Received", repr(received))
