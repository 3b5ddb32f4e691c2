"""The server of upper case. It adds a newline, as print does.

wrong: plain
"""
import socket
import sys

sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sock.bind(("127.0.0.1", int(sys.argv[1])))
print("Listening at %s:%d" % sock.getsockname(), flush=True)
while True:
    text, address = sock.recvfrom(65535)
    sock.sendto(text.upper() + b"\n", address)
