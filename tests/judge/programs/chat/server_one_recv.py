"""The chat, which takes one recv for a header and one for its text.

wrong: byte-by-byte
"""
import socket
import sys
import threading

lock = threading.Lock()
clients = {}


def receive(conn):
    header = conn.recv(10)
    if not header:
        raise EOFError
    data = conn.recv(int(header.decode("utf-8").strip()))
    return header + data


def serve(conn):
    conn.settimeout(10)
    with conn:
        try:
            name = receive(conn)
            clients[conn] = name
            while True:
                message = name + receive(conn)
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
