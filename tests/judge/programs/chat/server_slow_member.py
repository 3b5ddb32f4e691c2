"""The chat, which waits for each member until it has read: one that does not read stops everybody.

wrong: never-reads
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
    text = stream.read(int(header)).decode("utf-8")
    return text


def headed(text):
    data = text.encode("utf-8")
    return b"%-10d" % len(data) + data


def serve(conn):
    with conn, conn.makefile("rb") as stream:
        try:
            name = receive(stream)
            if not name.strip() or not name.isprintable():
                raise ValueError("a bad name")
            clients[conn] = name
            while True:
                message = headed(name) + headed(receive(stream))
                with lock:
                    for client in list(clients):
                        if client is not conn:
                            try:
                                client.sendall(message)
                            except OSError:
                                pass
        except (OSError, EOFError, ValueError):
            pass
        clients.pop(conn, None)


with socket.create_server(("127.0.0.1", int(sys.argv[1]))) as listener:
    print("Listening at %s:%d" % listener.getsockname(), flush=True)
    while True:
        conn, address = listener.accept()
        threading.Thread(target=serve, args=[conn], daemon=True).start()
