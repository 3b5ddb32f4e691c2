import socket
import sys
import time

with socket.create_connection(("127.0.0.1", int(sys.argv[1]))) as s:
    s.sendall(b"Hi there, server!")  # 17 bytes, and the server wants 16.
    time.sleep(0.3)
    try:
        while chunk := s.recv(16):
            print("Received", chunk)
        print("The server ended its side")
    except ConnectionResetError as error:
        print(error)
