"""The client of one object, which prints None if it got none.

wrong: cut-off
"""
import io
import pickle
import socket
import sys


class PlainData(pickle.Unpickler):
    def find_class(self, module, name):
        raise pickle.UnpicklingError(f"{module}.{name} is no plain data")


server = socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=3).makefile("rb")
value = None
try:
    value = PlainData(io.BytesIO(server.read(int(server.read(10))))).load()
except Exception:
    pass
print(value)
