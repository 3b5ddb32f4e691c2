"""The server of the sixteen bytes, which takes one recv for all of them.

wrong: byte-by-byte
"""
import socket
import sys
import threading


def serve(conn):
    with conn:
        conn.settimeout(5)
        try:
            data = conn.recv(16)
            if len(data) == 16:
                conn.sendall(b"Farewell, client")
                conn.shutdown(socket.SHUT_WR)
                conn.settimeout(1)
                while conn.recv(4096):
                    pass
        except OSError:
            pass


with socket.create_server(("127.0.0.1", int(sys.argv[1]))) as listener:
    print("Listening at %s:%d" % listener.getsockname(), flush=True)
    while True:
        conn, address = listener.accept()
        threading.Thread(target=serve, args=[conn], daemon=True).start()
