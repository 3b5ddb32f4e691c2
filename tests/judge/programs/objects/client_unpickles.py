"""The client of one pickled object: whoever answers runs any code in it.

wrong: code
"""
import pickle
import socket
import sys

LIMIT = 1024 * 1024

with socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=3) as s:
    with s.makefile("rb") as stream:
        header = stream.read(10).strip()
        if not header.isdigit() or int(header) > LIMIT:
            sys.exit(f"expected a length, got {header!r}")
        payload = stream.read(int(header))
        if len(payload) < int(header):
            sys.exit("The server ended in the object")
        print(pickle.loads(payload))
