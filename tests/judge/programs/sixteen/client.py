"""The client of the sixteen bytes.

right
"""
import socket
import sys


def recv_exactly(sock, length):
    data = b""
    while len(data) < length:
        more = sock.recv(length - len(data))
        if not more:
            raise EOFError(f"expected {length} bytes, got {len(data)}")
        data += more
    return data


with socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=3) as s:
    s.sendall(b"Hi there, server")
    print("The server said", repr(recv_exactly(s, 16)))
