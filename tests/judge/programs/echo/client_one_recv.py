"""An echo client that takes one recv for the whole answer.

wrong: byte-by-byte
"""
import socket
import sys

with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as s:
    s.settimeout(3)
    s.connect((sys.argv[1], int(sys.argv[2])))
    s.sendall(b"Hello, world")
    data = s.recv(1024)
print("Received", repr(data))
