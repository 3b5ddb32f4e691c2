"""The client that closes its socket to say that it has said everything.

wrong: plain
"""
import socket
import sys

s = socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=3)
s.sendall(b"everything I have to say")
s.close()
try:
    print(s.recv(1024).decode())
except OSError as error:
    sys.exit(str(error))
