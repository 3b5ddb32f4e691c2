"""An echo client that prints what it sends, each chunk that it receives, and the answer.

right
"""
import socket
import sys

message = b"Hello, world"
with socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=3) as server:
    print(f"Sending {message!r}")
    server.sendall(message)
    answer = b""
    while len(answer) < len(message):
        chunk = server.recv(1024)
        if chunk == b"":
            sys.exit("the connection was closed")
        print(f"Received {chunk!r}")
        answer += chunk
    print(answer.decode())
