"""The client of messages of one length: it sends two, one after the other.

right
"""
import socket
import sys

LENGTH = int(sys.argv[3]) if len(sys.argv) > 3 else 5000

with socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=3) as s:
    for letter in "ab":
        message = (letter * LENGTH).encode()
        s.sendall(message)
        answer = b""
        while len(answer) < LENGTH:
            chunk = s.recv(min(LENGTH - len(answer), 2048))
            if not chunk:
                raise EOFError(f"expected {LENGTH} bytes, got {len(answer)}")
            answer += chunk
        print("Received", repr(answer))
