import socket
import sys

listener = socket.socket()
listener.bind(("127.0.0.1", int(sys.argv[1])))
listener.listen()
print("Listening at", listener.getsockname())
connection, client = listener.accept()
print("Accepted", client)
connection.sendall(connection.recv(1024))
connection.close()
