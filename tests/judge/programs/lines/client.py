"""The client of lines and a fixed answer: a line every second, until the server leaves.

right
"""
import socket
import sys
import time

LIMIT = 65536

with socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=3) as s:
    with s.makefile("rw", encoding="utf-8", newline="\n") as stream:
        while True:
            stream.write("Hello server!\n")
            stream.flush()
            answer = stream.readline(LIMIT)
            if not answer.endswith("\n"):
                sys.exit("The server ended")
            print("[Server]:", repr(answer.rstrip("\r\n")))
            time.sleep(1)
