"""The clock. It does not wait for the interval.

wrong: ticks
"""
import socket
import sys
import threading
import time

INTERVAL = float(sys.argv[2]) if len(sys.argv) > 2 else 3


def message(text):
    return f"{len(text):<10}{text}".encode("utf-8")


def serve(conn):
    with conn:
        try:
            conn.sendall(message("Welcome to the server!"))
            while True:
                time.sleep(INTERVAL / 10)
                conn.sendall(message(f"The time is {time.time()}"))
        except OSError:
            pass


with socket.create_server(("127.0.0.1", int(sys.argv[1]))) as listener:
    print("Listening at %s:%d" % listener.getsockname(), flush=True)
    while True:
        conn, address = listener.accept()
        threading.Thread(target=serve, args=[conn], daemon=True).start()
