"""The server that counts, and does not answer a request of no bytes.

wrong: empty
"""
import socket
import sys
import threading


def serve(conn):
    with conn:
        conn.settimeout(5)
        try:
            count = 0
            while chunk := conn.recv(65536):
                count += len(chunk)
            if count:
                conn.sendall(b"received %d bytes\n" % count)
        except OSError:
            pass


with socket.create_server(("127.0.0.1", int(sys.argv[1]))) as listener:
    print("Listening at %s:%d" % listener.getsockname(), flush=True)
    while True:
        conn, address = listener.accept()
        threading.Thread(target=serve, args=[conn], daemon=True).start()
