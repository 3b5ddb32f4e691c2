"""The client of lines, which prints what it sends, each chunk that it receives, and each line.

right
"""
import socket
import sys

LIMIT = 65536

with socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=3) as server:
    buffer = b""
    for line in (b"first line", b"second line"):
        print("Sending", line)
        server.sendall(line + b"\n")
        while b"\n" not in buffer:
            chunk = server.recv(1024)
            if chunk == b"" or len(buffer) > LIMIT:
                sys.exit("no whole line")
            print("Received", chunk)
            buffer += chunk
        answer, buffer = buffer.split(b"\n", 1)
        print("Line", answer)
