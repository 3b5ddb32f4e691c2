import socket
import sys

with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
    s.bind(("127.0.0.1", int(sys.argv[2])))
    s.sendto(b"hello", ("127.0.0.1", int(sys.argv[1])))
    print("Asked, waiting")
    print("Answer:", s.recv(1024))
