"""An upper-casing client that waits for ever for an answer that may be lost.

wrong: silent-server
"""
import socket
import sys

sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sock.connect((sys.argv[1], int(sys.argv[2])))
sock.send(b"hello there")
print(sock.recv(65535))
