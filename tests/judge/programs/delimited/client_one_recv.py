"""The client of lines, which takes one recv for a line.

wrong: byte-by-byte
"""
import socket
import sys

with socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=3) as s:
    for line in ["one", "two", "three"]:
        s.sendall(line.encode() + b"\n")
        print("Received", repr(s.recv(1024).decode().rstrip("\n")))
