"""The client of the clock, which takes the header for whole in its first recv.

wrong: byte-by-byte
"""
import socket
import sys

s = socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=3)
while True:
    header = s.recv(10)
    if not header:
        sys.exit("The server ended")
    length = int(header)
    text = b""
    while len(text) < length:
        chunk = s.recv(length - len(text))
        if not chunk:
            sys.exit("The server ended in a message")
        text += chunk
    print(repr(text.decode()))
