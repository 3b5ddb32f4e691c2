"""The client of the chat in turns. If no answer comes, it goes on without a word.

wrong: silent-server
"""
import socket
import sys

server = socket.socket(type=socket.SOCK_DGRAM)
server.settimeout(1.5)
server.connect((sys.argv[1], int(sys.argv[2])))
for line in sys.stdin:
    server.send(line.rstrip("\n").encode())
    try:
        print(ascii(server.recv(65535).decode()))
    except socket.timeout:
        pass
