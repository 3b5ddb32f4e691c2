"""The client of messages of one length: it sends three, and then reads three. It prints only whether they are right.

right
"""
import os
import socket
import sys

LENGTH = int(sys.argv[3]) if len(sys.argv) > 3 else 5000

messages = [os.urandom(LENGTH) for _ in range(3)]
with socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=3) as s:
    for message in messages:
        s.sendall(message)
    with s.makefile("rb") as answers:
        for message in messages:
            answer = answers.read(LENGTH)
            if answer != message:
                sys.exit(f"expected my {LENGTH} bytes, got {len(answer)}")
print("3 messages came back")
