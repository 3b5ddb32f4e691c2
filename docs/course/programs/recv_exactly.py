import socket
import sys


def recv_exactly(s, length):
    received = b""
    while len(received) < length:
        chunk = s.recv(length - len(received))
        if not chunk:
            raise EOFError(f"expected {length} bytes, got {len(received)}")
        received += chunk
    return received


with socket.create_connection(("127.0.0.1", int(sys.argv[1])), timeout=10) as s:
    s.sendall(b"Hi there, server")
    print(recv_exactly(s, 16))
