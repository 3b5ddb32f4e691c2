"""The client of lines and a fixed answer: three rounds.

right
"""
import socket
import sys
import time

with socket.create_connection((sys.argv[1], int(sys.argv[2]))) as s:
    s.settimeout(3)
    buffer = bytearray()
    for line in ["Hello server!", "Hello again!", "STOP"]:
        s.sendall(line.encode() + b"\n")
        while b"\n" not in buffer:
            if len(buffer) > 10_000:
                raise ValueError("that is no line")
            chunk = s.recv(100)
            if not chunk:
                raise EOFError("the server ended")
            buffer += chunk
        end = buffer.index(b"\n") + 1
        print(repr(buffer[:end].decode()))
        del buffer[:end]
        time.sleep(0.1)
