"""The server of lines and a fixed answer, which takes every recv for a line.

wrong: byte-by-byte
"""
import socket
import sys
import threading


def serve(conn):
    with conn:
        conn.settimeout(5)
        try:
            while line := conn.recv(1024):
                conn.sendall(b"Hello Node!\n")
                if line.strip() == b"STOP":
                    break
        except OSError:
            pass


with socket.create_server(("127.0.0.1", int(sys.argv[1]))) as listener:
    print("Listening at %s:%d" % listener.getsockname(), flush=True)
    while True:
        conn, address = listener.accept()
        threading.Thread(target=serve, args=[conn], daemon=True).start()
