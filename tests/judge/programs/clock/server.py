"""The clock: a welcome, then the time again and again. It notices who has left, and who does not read.

right
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
            text = "Welcome to the server!"
            while True:
                payload = text.encode("utf-8")
                conn.sendall(f"{len(payload):<10}".encode("ascii") + payload)
                time.sleep(INTERVAL)
                text = f"The time is {time.time()}"
        except OSError as error:
            print("A client failed:", error, file=sys.stderr)


with socket.create_server(("127.0.0.1", int(sys.argv[1]))) as listener:
    print("Listening at %s:%d" % listener.getsockname(), flush=True)
    while True:
        conn, address = listener.accept()
        threading.Thread(target=serve, args=[conn], daemon=True).start()
