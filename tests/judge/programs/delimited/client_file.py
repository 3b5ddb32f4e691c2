"""The client of lines: it sends three at once, and reads three. It has no limit for a line.

right, but: endless
"""
import socket
import sys

lines = ["one", "zwei ü", "three"]
with socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=3) as s:
    with s.makefile("r", encoding="utf-8", newline="\n") as answers:
        s.sendall("".join(line + "\n" for line in lines).encode("utf-8"))
        for line in lines:
            answer = answers.readline()
            if not answer.endswith("\n"):
                raise EOFError("the server left")
            print("Received", repr(answer.rstrip("\r\n")))
