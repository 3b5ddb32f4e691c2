"""The client that takes one recv for all of the answer.

wrong: byte-by-byte
"""
import socket
import sys

with socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=3) as s:
    s.sendall(b"everything I have to say")
    s.shutdown(socket.SHUT_WR)
    print(s.recv(1024).decode())
