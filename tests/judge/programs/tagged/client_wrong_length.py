"""The client of messages whose first byte decides their length. One of its bodies is too short.

wrong: plain
"""
import socket
import sys

with socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=3) as s:
    message = b"Bfifteen bytes.."[:16]
    s.sendall(message)
    answer = b""
    while len(answer) < len(message):
        chunk = s.recv(1024)
        if not chunk:
            raise EOFError("the server left")
        answer += chunk
    print(answer.decode())
