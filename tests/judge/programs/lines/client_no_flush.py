"""The client of lines and a fixed answer. What it says stays in its own buffer.

wrong: plain
"""
import socket
import sys
import time

with socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=3) as s:
    output, answers = s.makefile("w"), s.makefile("r")
    while True:
        output.write("Hello server!\n")
        answer = answers.readline(65536)
        if not answer:
            break
        print(answer.strip())
        time.sleep(1)
