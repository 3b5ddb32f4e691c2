"""The client that closes its socket when it has said everything, and does not look at the answer.

wrong: late because "shutdown(SHUT_WR)"
"""
import socket
import sys

with socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=3) as server:
    server.sendall(b"everything I have to say")
print("sent")
