"""The client of the chat in turns. It says in Latin-1 what it hears in UTF-8.

wrong: plain because "UTF-8"
"""
import socket
import sys

server = socket.socket(type=socket.SOCK_DGRAM)
server.settimeout(3)
server.connect((sys.argv[1], int(sys.argv[2])))
for line in sys.stdin:
    server.send(line.rstrip("\n").encode("latin-1"))
    print(server.recv(65535).decode())
