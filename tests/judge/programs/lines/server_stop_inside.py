"""The server of lines and a fixed answer. It stops at a line that begins with STOP.

wrong: stop-inside
"""
import socket
import sys
import threading


def serve(conn):
    with conn, conn.makefile("rb") as lines:
        conn.settimeout(5)
        try:
            for line in lines:
                conn.sendall(b"Hello Node!\n")
                if line.startswith(b"STOP"):
                    break
        except OSError:
            pass


with socket.create_server(("127.0.0.1", int(sys.argv[1]))) as listener:
    print("Listening at %s:%d" % listener.getsockname(), flush=True)
    while True:
        conn, address = listener.accept()
        threading.Thread(target=serve, args=[conn], daemon=True).start()
