"""The client that does not end its side: the server waits for more, and so does the client.

wrong: plain
"""
import socket
import sys

with socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=3) as s:
    s.sendall(b"everything I have to say")
    answer = b""
    while chunk := s.recv(1024):
        answer += chunk
print(answer.decode())
