"""The server of messages whose first byte decides their length. It skips a type that it does not know.

wrong: unknown-type
"""
import socket
import sys
import threading

LENGTHS = {b"A": 4, b"B": 16, b"C": 300}


def serve(conn):
    with conn, conn.makefile("rb") as stream:
        conn.settimeout(5)
        try:
            while kind := stream.read(1):
                if kind not in LENGTHS:
                    print("unknown type", kind)
                    continue
                body = stream.read(LENGTHS[kind])
                if len(body) == LENGTHS[kind]:
                    conn.sendall(kind + body)
        except OSError:
            pass


with socket.create_server(("127.0.0.1", int(sys.argv[1]))) as listener:
    print("Listening at %s:%d" % listener.getsockname(), flush=True)
    while True:
        conn, address = listener.accept()
        threading.Thread(target=serve, args=[conn], daemon=True).start()
