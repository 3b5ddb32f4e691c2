import io
import pickle
import re
import socket
import sys


class PlainData(pickle.Unpickler):
    def find_class(self, module, name):
        raise pickle.UnpicklingError(f"expected plain data, got {module}.{name}")


with socket.create_connection(("127.0.0.1", int(sys.argv[1])), timeout=10) as s:
    stream = s.makefile("rb")  # Its read() goes on until it has all the bytes, or the stream ends.
    header = stream.read(10)
    if not re.fullmatch(rb" *[0-9]+ *", header):
        sys.exit(f"Refused: a header of {header}")
    length = int(header)
    if length > 1_000_000:
        sys.exit(f"Refused: a length of {length}")
    message = stream.read(length)
    if len(message) < length:
        sys.exit(f"Refused: expected {length} bytes, got {len(message)}")
    try:
        print(PlainData(io.BytesIO(message)).load())
    except Exception as error:  # A malformed pickle raises almost anything.
        sys.exit(f"Refused: {error}")
