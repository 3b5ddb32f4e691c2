"""The server of messages of one length, which takes one recv for a message.

wrong: byte-by-byte
"""
import socket
import sys
import threading

LENGTH = int(sys.argv[2]) if len(sys.argv) > 2 else 5000


def serve(conn):
    with conn:
        conn.settimeout(5)
        try:
            while message := conn.recv(LENGTH):
                if len(message) != LENGTH:
                    print("expected", LENGTH, "bytes, got", len(message), file=sys.stderr)
                    return
                conn.sendall(message)
        except OSError:
            pass


with socket.create_server(("127.0.0.1", int(sys.argv[1]))) as listener:
    print("Listening at %s:%d" % listener.getsockname(), flush=True)
    while True:
        conn, address = listener.accept()
        threading.Thread(target=serve, args=[conn], daemon=True).start()
