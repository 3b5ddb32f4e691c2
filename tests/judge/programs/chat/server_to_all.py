"""The chat, which also sends each message back to its sender.

wrong: plain
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
    data = stream.read(int(header))
    if len(data) < int(header):
        raise EOFError
    return b"%-10d" % len(data) + data


def serve(conn):
    with conn, conn.makefile("rb") as stream:
        try:
            name = receive(stream)
            clients[conn] = name
            while True:
                message = name + receive(stream)
                with lock:
                    for client in list(clients):
                        client.sendall(message)
        except (OSError, EOFError, ValueError):
            pass
        clients.pop(conn, None)


with socket.create_server(("127.0.0.1", int(sys.argv[1]))) as listener:
    print("Listening at %s:%d" % listener.getsockname(), flush=True)
    while True:
        conn, address = listener.accept()
        threading.Thread(target=serve, args=[conn], daemon=True).start()
