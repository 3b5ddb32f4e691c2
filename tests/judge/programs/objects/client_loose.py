"""The client of one object, which takes the digits from any header.

wrong: malformed because "must end the connection"
"""
import io
import pickle
import re
import socket
import sys


class PlainData(pickle.Unpickler):
    def find_class(self, module, name):
        raise pickle.UnpicklingError(f"{module}.{name} is no plain data")


server = socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=3).makefile("rb")
length = int(re.search(rb"\d+", server.read(10))[0])
payload = server.read(length)
if len(payload) < length:
    sys.exit("the object is cut off")
print(PlainData(io.BytesIO(payload)).load())
