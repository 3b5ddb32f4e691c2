"""The exchange. It takes a second without bytes for the end.

wrong: pause
"""
import socket
import sys
import threading


def serve(conn):
    with conn:
        conn.settimeout(1)
        length = 0
        try:
            while chunk := conn.recv(4096):
                length += len(chunk)
        except OSError:
            pass
        try:
            conn.sendall(b"received %d bytes\n" % length)
        except OSError:
            pass


with socket.create_server(("127.0.0.1", int(sys.argv[1]))) as listener:
    print("Listening at %s:%d" % listener.getsockname(), flush=True)
    while True:
        conn, address = listener.accept()
        threading.Thread(target=serve, args=[conn], daemon=True).start()
