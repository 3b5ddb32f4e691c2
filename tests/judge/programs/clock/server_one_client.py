"""The clock for one client at a time: the next one waits until it leaves.

wrong: silent-beside
"""
import socket
import sys
import time

INTERVAL = float(sys.argv[2]) if len(sys.argv) > 2 else 3

listener = socket.create_server(("127.0.0.1", int(sys.argv[1])), backlog=5)
print("Listening at %s:%d" % listener.getsockname(), flush=True)
while True:
    conn, address = listener.accept()
    with conn:
        msg = "Welcome to the server!"
        try:
            while True:
                conn.sendall(f"{len(msg):<10}{msg}".encode())
                time.sleep(INTERVAL)
                msg = f"The time is {time.time()}"
        except OSError:
            pass
