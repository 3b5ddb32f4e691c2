"""An upper-casing client that gives up after 12 s, which is longer than the judge waits for other things.

right, but: escape
"""
import socket
import sys

server = socket.socket(type=socket.SOCK_DGRAM)
server.settimeout(12)
server.connect((sys.argv[1], int(sys.argv[2])))
server.send(b"hello")
print(server.recv(65535).decode())
