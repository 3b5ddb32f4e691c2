"""The chat, which tells the others who has joined.

wrong: plain
"""
import queue
import socket
import sys
import threading

LIMIT = 100_000
lock = threading.Lock()
outboxes = {}


def receive(conn):
    header = exactly(conn, 10).strip(b" ")
    if not (header.isdigit() and header.isascii()) or int(header) > LIMIT:
        raise ValueError(f"expected a length, got {header!r}")
    return exactly(conn, int(header)).decode("utf-8")


def exactly(conn, length):
    data = b""
    while len(data) < length:
        chunk = conn.recv(length - len(data))
        if not chunk:
            raise EOFError("the end")
        data += chunk
    return data


def pack(text):
    data = text.encode("utf-8")
    return str(len(data)).ljust(10).encode("ascii") + data


def read(conn):
    outbox = queue.Queue(200)
    try:
        conn.settimeout(5)
        name = receive(conn)
        if not name.strip() or any(ord(c) < 32 or 127 <= ord(c) < 160 for c in name):
            raise ValueError(f"expected a name, got {name!r}")
        conn.settimeout(60)
        threading.Thread(target=write, args=[conn, outbox], daemon=True).start()
        with lock:
            outboxes[conn] = outbox
        tell(conn, pack("server") + pack(f"{name} has joined"))
        while True:
            tell(conn, pack(name) + pack(receive(conn)))
    except (OSError, EOFError, ValueError) as error:
        print("A member left:", error)
    drop(conn)
    conn.close()


def tell(conn, message):
    with lock:
        others = [(other, box) for other, box in outboxes.items() if other is not conn]
    for other, box in others:
        try:
            box.put_nowait(message)
        except queue.Full:
            drop(other)


def write(conn, outbox):
    try:
        while True:
            conn.sendall(outbox.get())
    except OSError:
        drop(conn)


def drop(conn):
    with lock:
        outboxes.pop(conn, None)
    try:
        conn.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass


listener = socket.create_server(("127.0.0.1", int(sys.argv[1])))
print("Listening at %s:%d" % listener.getsockname(), flush=True)
while True:
    threading.Thread(target=read, args=[listener.accept()[0]], daemon=True).start()
