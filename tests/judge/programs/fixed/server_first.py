"""The server of messages of one length, which answers one message and leaves.

wrong: two-at-once
"""
import socket
import sys
import threading

LENGTH = int(sys.argv[2]) if len(sys.argv) > 2 else 5000


def serve(conn):
    with conn:
        conn.settimeout(5)
        try:
            message = b""
            while len(message) < LENGTH:
                chunk = conn.recv(1024 * 1024)
                if not chunk:
                    return
                message += chunk
            conn.sendall(message[:LENGTH])
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
