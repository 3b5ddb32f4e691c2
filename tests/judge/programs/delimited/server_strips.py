"""The server of lines. It strips them.

wrong: one-line
"""
import socket
import sys
import threading


def serve(conn):
    with conn, conn.makefile("rb") as lines:
        conn.settimeout(5)
        try:
            for line in lines:
                conn.sendall(line.strip() + b"\n")
        except OSError:
            pass


with socket.create_server(("127.0.0.1", int(sys.argv[1]))) as listener:
    print("Listening at %s:%d" % listener.getsockname(), flush=True)
    while True:
        conn, address = listener.accept()
        threading.Thread(target=serve, args=[conn], daemon=True).start()
