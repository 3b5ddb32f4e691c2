"""The client of messages of one length, which takes one recv for a message.

wrong: byte-by-byte
"""
import socket
import sys

LENGTH = int(sys.argv[3]) if len(sys.argv) > 3 else 5000

with socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=3) as s:
    s.sendall(b"x" * LENGTH)
    print(s.recv(LENGTH).decode())
