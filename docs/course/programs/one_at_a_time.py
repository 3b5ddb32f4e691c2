import socket
import sys

with socket.create_server(("127.0.0.1", int(sys.argv[1]))) as listener:
    print("Listening at", listener.getsockname())
    while True:
        connection, client = listener.accept()
        with connection:
            while chunk := connection.recv(4096):
                connection.sendall(chunk)
