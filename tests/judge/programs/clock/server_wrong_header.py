"""The clock, whose headers are all the length of the welcome.

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
            header = f"{len(msg):<10}"
            conn.sendall((header + msg).encode())
            while True:
                time.sleep(INTERVAL)
                conn.sendall((header + f"The time is {time.time()}").encode())
        except OSError:
            pass


with socket.create_server(("127.0.0.1", int(sys.argv[1]))) as listener:
    print("Listening at %s:%d" % listener.getsockname(), flush=True)
    while True:
        conn, address = listener.accept()
        threading.Thread(target=serve, args=[conn], daemon=True).start()
