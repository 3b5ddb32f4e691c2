"""The client of lines and a fixed answer. It does not notice that the server has ended.

wrong: end
"""
import socket
import sys
import time

with socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=3) as s:
    while True:
        try:
            s.sendall(b"Hello server!\n")
        except OSError:
            pass
        buffer = b""
        while not buffer.endswith(b"\n"):
            chunk = s.recv(1024)
            buffer += chunk
            if not chunk:
                break
        print(repr(buffer))
        time.sleep(0.1)
