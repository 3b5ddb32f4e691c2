"""The clock, whose time has no decimal point.

wrong: ticks
"""
import socket
import sys
import threading
import time

INTERVAL = float(sys.argv[2]) if len(sys.argv) > 2 else 3


def serve(conn):
    with conn:
        conn.settimeout(5)
        try:
            msg = "Welcome to the server!"
            while True:
                conn.sendall(f"{len(msg):<10}{msg}".encode())
                time.sleep(INTERVAL)
                msg = f"The time is {int(time.time())}"
        except OSError:
            pass


with socket.create_server(("127.0.0.1", int(sys.argv[1]))) as listener:
    print("Listening at %s:%d" % listener.getsockname(), flush=True)
    while True:
        conn, address = listener.accept()
        threading.Thread(target=serve, args=[conn], daemon=True).start()
