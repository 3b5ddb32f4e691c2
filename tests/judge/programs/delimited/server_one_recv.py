"""The server of lines, which takes every recv for a line.

wrong: byte-by-byte
"""
import socket
import sys
import threading


def serve(conn):
    with conn:
        conn.settimeout(5)
        try:
            while data := conn.recv(1024):
                conn.sendall(data.rstrip(b"\r\n") + b"\n")
        except OSError:
            pass


with socket.create_server(("127.0.0.1", int(sys.argv[1]))) as listener:
    print("Listening at %s:%d" % listener.getsockname(), flush=True)
    while True:
        conn, address = listener.accept()
        threading.Thread(target=serve, args=[conn], daemon=True).start()
