"""The client of one object, which waits for a second one, and takes the end for its header.

wrong: exit-code because "takes the end"
"""
import io
import pickle
import socket
import sys


class PlainData(pickle.Unpickler):
    def find_class(self, module, name):
        raise pickle.UnpicklingError(f"{module}.{name} is no plain data")


server = socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=3)
while True:
    data = server.recv(16)
    length = int(data[:10])
    while len(data) < 10 + length:
        data += server.recv(16)
    print(PlainData(io.BytesIO(data[10:])).load())
