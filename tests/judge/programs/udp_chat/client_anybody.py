"""The client of the chat in turns. It believes whoever answers.

wrong: stranger
"""
import socket
import sys

sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sock.settimeout(3)
while True:
    try:
        line = input("Client: ")
    except EOFError:
        break
    sock.sendto(line.encode(), (sys.argv[1], int(sys.argv[2])))
    data, address = sock.recvfrom(65535)
    print("Server:", repr(data.decode()))
