"""An echo server that reads text: it decodes each recv, and drops what is not whole.

wrong: character-cut
"""
import socket
import sys
import threading


def serve(conn):
    with conn:
        conn.settimeout(5)
        try:
            while data := conn.recv(1024):
                text = data.decode("utf-8", errors="ignore")
                conn.sendall(text.encode("utf-8"))
        except OSError:
            pass


with socket.create_server(("127.0.0.1", int(sys.argv[1]))) as listener:
    print("Listening at %s:%d" % listener.getsockname(), flush=True)
    while True:
        conn, address = listener.accept()
        threading.Thread(target=serve, args=[conn], daemon=True).start()
