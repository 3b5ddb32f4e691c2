"""The client of the sixteen bytes, which takes one recv for all of them.

wrong: byte-by-byte
"""
import socket
import sys

sock = socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=3)
sock.sendall(b"Hi there, server")
reply = sock.recv(16)
print("The server said", repr(reply))
sock.close()
