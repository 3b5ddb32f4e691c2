"""The client that waits a second before it ends its side: it may have more to say.

right
"""
import socket
import sys
import time

LIMIT = 100

with socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=3) as server:
    server.sendall(b"everything I have to say")
    time.sleep(1)
    server.shutdown(socket.SHUT_WR)
    answer = b""
    while chunk := server.recv(1024):
        answer += chunk
        if len(answer) > LIMIT:
            sys.exit("the answer is too long")
if not answer.endswith(b"\n"):
    sys.exit("the answer is cut off")
print(answer)
