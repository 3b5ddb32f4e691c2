"""The client of lines: it sends each line of its standard input, and prints the answer.

right
"""
import socket
import sys

LIMIT = 65536

with socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=3) as s:
    buffer = b""
    for line in sys.stdin:
        s.sendall(line.rstrip("\n").encode("utf-8") + b"\n")
        while b"\n" not in buffer:
            chunk = s.recv(1024)
            if not chunk:
                sys.exit("The server ended in the middle of a line")
            buffer += chunk
            if len(buffer) > LIMIT:
                sys.exit("The answer is too long")
        answer, _, buffer = buffer.partition(b"\n")
        print(repr(answer.removesuffix(b"\r").decode("utf-8")))
