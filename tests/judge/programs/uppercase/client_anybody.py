"""An upper-casing client that believes whoever answers first.

wrong: stranger
"""
import socket
import sys

sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sock.settimeout(3)
sock.sendto(b"hello there", (sys.argv[1], int(sys.argv[2])))
answer, address = sock.recvfrom(65535)
print("The server", address, "says", repr(answer))
