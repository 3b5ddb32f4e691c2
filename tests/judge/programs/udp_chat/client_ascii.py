"""The client of the chat in turns. It can neither say nor hear what ASCII does not have.

wrong: plain
"""
import socket
import sys

sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sock.connect((sys.argv[1], int(sys.argv[2])))
sock.settimeout(3)
for line in sys.stdin:
    sock.send(line.rstrip("\n").encode("ascii"))
    print("Server:", repr(sock.recv(65535).decode("ascii")))
