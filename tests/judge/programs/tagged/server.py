"""The server of messages whose first byte decides their length.

right
"""
import socket
import sys
import threading

LENGTHS = {b"A": 4, b"B": 16, b"C": 300}


def serve(conn):
    with conn:
        conn.settimeout(5)
        try:
            while kind := conn.recv(1):
                if kind not in LENGTHS:
                    raise ValueError(f"unknown type {kind!r}")
                conn.sendall(kind + receive(conn, LENGTHS[kind]))
        except (OSError, EOFError, ValueError) as error:
            print("A client failed:", error, file=sys.stderr)


def receive(conn, length):
    body = b""
    while len(body) < length:
        chunk = conn.recv(length - len(body))
        if not chunk:
            raise EOFError(f"expected {length} bytes, got {len(body)}")
        body += chunk
    return body


with socket.create_server(("127.0.0.1", int(sys.argv[1]))) as listener:
    print("Listening at %s:%d" % listener.getsockname(), flush=True)
    while True:
        conn, address = listener.accept()
        threading.Thread(target=serve, args=[conn], daemon=True).start()
