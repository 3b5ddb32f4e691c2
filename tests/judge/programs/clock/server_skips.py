"""The clock. It removes a client from the list through which it loops, and skips the next one.

wrong: leave
"""
import socket
import sys
import threading
import time

INTERVAL = float(sys.argv[2]) if len(sys.argv) > 2 else 3


def message(text):
    return f"{len(text):<10}{text}".encode("utf-8")


def tick():
    while True:
        time.sleep(INTERVAL)
        for client in clients:
            try:
                client.sendall(message(f"The time is {time.time()}"))
            except OSError:
                clients.remove(client)


clients = []
threading.Thread(target=tick, daemon=True).start()
with socket.create_server(("127.0.0.1", int(sys.argv[1]))) as listener:
    print("Listening at %s:%d" % listener.getsockname(), flush=True)
    while True:
        conn, address = listener.accept()
        try:
            conn.sendall(message("Welcome to the server!"))
            clients.append(conn)
        except OSError:
            pass
