"""An echo client that reports each failure, but ends with exit code 0.

right, but: silent-server, stalled-server, end, cut-off, reset
"""
import socket
import sys

message = b"Hello, world"
try:
    server = socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=3)
    server.sendall(message)
    answer = b""
    while len(answer) < len(message):
        chunk = server.recv(1024)
        if chunk == b"":
            raise EOFError("the connection was closed")
        answer += chunk
    print(answer.decode())
except (OSError, EOFError) as error:
    print("failed:", error)
