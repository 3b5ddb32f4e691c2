"""The clock with one list of clients. It ends when one of them has left.

wrong: leave
"""
import select
import socket
import sys
import time

INTERVAL = float(sys.argv[2]) if len(sys.argv) > 2 else 3


def send(conn, text):
    conn.sendall(f"{len(text):<10}{text}".encode())


listener = socket.create_server(("127.0.0.1", int(sys.argv[1])))
print("Listening at %s:%d" % listener.getsockname(), flush=True)
clients = []
due = time.monotonic() + INTERVAL
while True:
    if select.select([listener], [], [], max(0, due - time.monotonic()))[0]:
        conn, address = listener.accept()
        send(conn, "Welcome to the server!")
        clients.append(conn)
    if time.monotonic() >= due:
        due += INTERVAL
        for conn in clients:
            send(conn, f"The time is {time.time()}")
