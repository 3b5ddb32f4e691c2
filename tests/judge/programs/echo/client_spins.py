"""An echo client that does not look whether the server has ended: it then reads nothing, for ever.

wrong: cut-off
"""
import socket
import sys

message = b"Hello, world"
with socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=3) as s:
    s.sendall(message)
    received = b""
    while len(received) < len(message):
        received += s.recv(1024)
print("Received", repr(received))
