"""The server of upper case. It answers from another socket, so from another port.

wrong: plain
"""
import socket
import sys

sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sock.bind(("127.0.0.1", int(sys.argv[1])))
print("Listening at %s:%d" % sock.getsockname(), flush=True)
answers = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
while True:
    text, address = sock.recvfrom(65535)
    answers.sendto(text.upper(), address)
