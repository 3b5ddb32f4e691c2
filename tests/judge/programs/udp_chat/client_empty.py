"""The client of the chat in turns. It takes an empty turn for the end.

wrong: empty
"""
import socket
import sys

sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sock.connect((sys.argv[1], int(sys.argv[2])))
sock.settimeout(3)
for line in sys.stdin:
    sock.send(line.rstrip("\n").encode())
    data = sock.recv(65535)
    if not data:
        break
    print("Server:", repr(data.decode()))
