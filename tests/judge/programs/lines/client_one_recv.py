"""The client of lines and a fixed answer, which takes every recv for a line.

wrong: byte-by-byte
"""
import socket
import sys
import time

with socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=3) as s:
    for _ in range(3):
        s.sendall(b"Hello server!\n")
        answer = s.recv(1024)
        if not answer:
            sys.exit("The server ended")
        print("Server:", repr(answer))
        time.sleep(0.2)
