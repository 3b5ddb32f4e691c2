"""The chat, which takes any name: none at all, or one that steers a terminal.

wrong: name
"""
import socket
import sys
import threading

lock = threading.Lock()
clients = {}


def receive(stream):
    header = stream.read(10)
    if len(header) < 10 or not header.strip().isdigit() or int(header) > 1_000_000:
        raise EOFError
    data = stream.read(int(header))
    if len(data) < int(header):
        raise EOFError
    return b"%-10d" % len(data) + data.decode("utf-8").encode("utf-8")


def serve(conn):
    conn.settimeout(10)
    with conn, conn.makefile("rb") as stream:
        try:
            name = receive(stream)
            clients[conn] = name
            while True:
                message = name + receive(stream)
                with lock:
                    for client in list(clients):
                        if client is not conn:
                            client.sendall(message)
        except (OSError, EOFError, ValueError):
            pass
        clients.pop(conn, None)


with socket.create_server(("127.0.0.1", int(sys.argv[1]))) as listener:
    print("Listening at %s:%d" % listener.getsockname(), flush=True)
    while True:
        conn, address = listener.accept()
        threading.Thread(target=serve, args=[conn], daemon=True).start()
