"""The server of lines, which returns whatever comes, as an echo does.

wrong: byte-by-byte
"""
import socket
import sys
import threading


def serve(conn):
    with conn:
        conn.settimeout(5)
        try:
            while chunk := conn.recv(4096):
                conn.sendall(chunk)
        except OSError:
            pass


with socket.create_server(("127.0.0.1", int(sys.argv[1]))) as listener:
    print("Listening at %s:%d" % listener.getsockname(), flush=True)
    while True:
        conn, address = listener.accept()
        threading.Thread(target=serve, args=[conn], daemon=True).start()
