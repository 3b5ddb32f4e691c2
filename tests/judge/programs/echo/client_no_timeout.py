"""An echo client that waits for ever.

right, but: silent-server, stalled-server
"""
import socket
import sys

message = b"Hello, world"
with socket.create_connection((sys.argv[1], int(sys.argv[2]))) as s:
    s.sendall(message)
    received = b""
    while len(received) < len(message):
        chunk = s.recv(1024)
        if not chunk:
            raise EOFError("the server went away")
        received += chunk
print("Received", repr(received))
