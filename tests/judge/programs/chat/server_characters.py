"""The chat, whose headers count characters, not bytes.

wrong: character-cut
"""
import socket
import sys
import threading

lock = threading.Lock()
clients = {}


def receive(stream):
    header = stream.read(10)
    if len(header) < 10:
        raise EOFError
    length = int(header)
    if not 0 <= length <= 1_000_000:
        raise ValueError("too long")
    data = stream.read(length)
    if len(data) < length:
        raise EOFError
    return data.decode("utf-8")


def serve(conn):
    conn.settimeout(10)
    with conn, conn.makefile("rb") as stream:
        try:
            name = receive(stream)
            if not name.strip() or not name.isprintable():
                raise ValueError("a bad name")
            clients[conn] = name
            while True:
                text = receive(stream)
                message = f"{len(name):<10}{name}{len(text):<10}{text}".encode("utf-8")
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
