import socket
import sys

MOST = 100_000_000

with socket.create_connection(("127.0.0.1", int(sys.argv[1])), timeout=3) as s:
    chunk = bytes(100_000)
    sent = 0
    try:
        while sent < MOST:
            sent += s.send(chunk)
        print("The server took all", MOST, "bytes")
    except TimeoutError:
        print("The server stopped taking after less than", MOST, "bytes")
