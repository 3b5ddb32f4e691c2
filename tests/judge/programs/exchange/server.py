"""The server that counts: it reads to the end, then answers.

right
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
            conn.sendall(b"received %d bytes\n" % count)
        except OSError as error:
            print("A client failed:", error, file=sys.stderr)


with socket.create_server(("127.0.0.1", int(sys.argv[1]))) as listener:
    print("Listening at %s:%d" % listener.getsockname(), flush=True)
    while True:
        conn, address = listener.accept()
        threading.Thread(target=serve, args=[conn], daemon=True).start()
