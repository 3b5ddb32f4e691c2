"""An upper-casing client whose buffer has no room for the answer.

wrong: plain because "drops what a buffer has no room for"
"""
import socket
import sys

server = socket.socket(type=socket.SOCK_DGRAM)
server.settimeout(3)
server.connect((sys.argv[1], int(sys.argv[2])))
server.send(b"more than sixteen bytes")
print(server.recv(16).decode())
