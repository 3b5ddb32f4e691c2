"""The client of messages whose first byte decides their length.

right
"""
import socket
import sys

LENGTHS = {b"A": 4, b"B": 16, b"C": 300}


def receive(stream, length):
    data = stream.read(length)
    if len(data) < length:
        raise EOFError(f"expected {length} bytes, got {len(data)}")
    return data


with socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=3) as s:
    with s.makefile("rb") as stream:
        for message in [b"Afour", b"Bexactly sixteen!", b"C" + b"c" * 300]:
            s.sendall(message)
            kind = receive(stream, 1)
            if kind not in LENGTHS:
                raise ValueError(f"unknown type {kind!r}")
            print(kind.decode(), repr(receive(stream, LENGTHS[kind])))
