"""The client of the clock: it reads headers and texts until the server leaves. Between two it waits as long as need be.

right
"""
import socket
import sys

HEADER = 10
LIMIT = 1024 * 1024


def receive(sock, length):
    data = b""
    while len(data) < length:
        chunk = sock.recv(min(length - len(data), 4096))
        if not chunk:
            raise EOFError(f"expected {length} bytes, got {len(data)}")
        data += chunk
        sock.settimeout(3)
    return data


with socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=3) as s:
    while True:
        header = receive(s, HEADER).strip()
        if not header.isdigit() or int(header) > LIMIT:
            sys.exit(f"expected a length, got {header!r}")
        print(receive(s, int(header)).decode("utf-8").encode("unicode_escape").decode())
        s.settimeout(None)
