"""The client of one pickled object, which lets no class in.

right
"""
import io
import pickle
import socket
import sys

LIMIT = 1024 * 1024


class Plain(pickle.Unpickler):
    def find_class(self, module, name):
        raise pickle.UnpicklingError(f"{module}.{name} is not plain data")


def receive(sock, length):
    data = b""
    while len(data) < length:
        chunk = sock.recv(min(length - len(data), 65536))
        if not chunk:
            raise EOFError(f"expected {length} bytes, got {len(data)}")
        data += chunk
    return data


with socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=3) as s:
    header = receive(s, 10).strip()
    if not header.isdigit() or int(header) > LIMIT:
        sys.exit(f"expected a length, got {header!r}")
    print(Plain(io.BytesIO(receive(s, int(header)))).load())
