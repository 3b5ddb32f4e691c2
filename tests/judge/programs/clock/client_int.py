"""The client of the clock, which gives any header to int: that takes a sign and underscores too.

right, but: strict-header
"""
import socket
import sys

s = socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=3)
stream = s.makefile("rb")
while True:
    header = stream.read(10)
    if len(header) < 10:
        sys.exit("The server ended")
    length = int(header)
    if length > 1_000_000:
        sys.exit("The message is too long")
    text = stream.read(length)
    if len(text) < length:
        sys.exit("The server ended in a message")
    print(repr(text.decode()))
