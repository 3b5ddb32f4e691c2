import socket
import sys

with socket.create_connection(("127.0.0.1", int(sys.argv[1])), timeout=1) as s:
    s.sendall(b"Hello")
    try:
        print(s.recv(1024))
    except TimeoutError:
        print("No answer within a second")
