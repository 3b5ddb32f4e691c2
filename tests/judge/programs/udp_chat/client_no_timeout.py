"""The client of the chat in turns. One datagram lost, and both wait for ever.

wrong: silent-server
"""
import socket
import sys

sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sock.connect((sys.argv[1], int(sys.argv[2])))
for line in sys.stdin:
    sock.send(line.rstrip("\n").encode())
    print("Server:", repr(sock.recv(65535).decode()))
