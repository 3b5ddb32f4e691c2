"""The client of one object, which reserves as much memory as the header says, and tries to read all of it.

right, but: endless
"""
import io
import pickle
import socket
import sys


class Plain(pickle.Unpickler):
    def find_class(self, module, name):
        raise pickle.UnpicklingError(f"{module}.{name} is not plain data")


with socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=3) as s:
    header = b""
    while len(header) < 10:
        header += s.recv(10 - len(header)) or sys.exit("The server ended in the header")
    if not header.strip().isdigit():
        sys.exit("The header is no length")
    data = bytearray()
    while len(data) < int(header):
        data += s.recv(65536) or sys.exit("The server ended in the object")
print(Plain(io.BytesIO(data)).load())
