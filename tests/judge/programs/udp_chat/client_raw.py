"""The client of the chat in turns. It prints whatever it is sent, also what steers a terminal.

right, but: twice, escape
"""
import socket
import sys

sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sock.connect((sys.argv[1], int(sys.argv[2])))
sock.settimeout(3)
for line in sys.stdin:
    sock.send(line.rstrip("\n").encode())
    print("Server:", sock.recv(65535).decode("utf-8", "replace"))
