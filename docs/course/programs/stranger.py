import socket
import sys

with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
    s.sendto(b"I AM NOT YOUR SERVER", ("127.0.0.1", int(sys.argv[1])))
