"""An echo server that never ends its side: it does not notice that a client has.

wrong: half-close
"""
import socket
import sys
import threading
import time


def serve(conn):
    while True:
        try:
            data = conn.recv(1024)
            if data:
                conn.sendall(data)
            else:
                time.sleep(0.01)
        except OSError:
            return


with socket.create_server(("127.0.0.1", int(sys.argv[1]))) as listener:
    print("Listening at %s:%d" % listener.getsockname(), flush=True)
    while True:
        conn, address = listener.accept()
        threading.Thread(target=serve, args=[conn], daemon=True).start()
