"""The client of messages whose first byte decides their length. It takes one recv for the answer.

wrong: byte-by-byte
"""
import socket
import sys

with socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=3) as s:
    for message in [b"Afour", b"Bexactly sixteen!"]:
        s.sendall(message)
        answer = s.recv(1024)
        print(answer[:1].decode(), answer[1:].decode())
