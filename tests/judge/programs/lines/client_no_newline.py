"""The client of lines and a fixed answer. What it says has no end, so the server waits for the rest.

wrong: plain
"""
import socket
import sys
import time

with socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=3) as s:
    stream = s.makefile("rw")
    while True:
        stream.write("Hello server!")
        stream.flush()
        answer = stream.readline(65536)
        if not answer:
            break
        print(answer.strip())
        time.sleep(1)
