"""The client of the chat with a thread that prints what the others say, as soon as it is there.

right
"""
import os
import socket
import sys
import threading

LIMIT = 1024 * 1024


def headed(text):
    data = text.encode("utf-8")
    return b"%-10d" % len(data) + data


def exactly(length):
    data = b""
    while len(data) < length:
        chunk = s.recv(min(length - len(data), 65536))
        if not chunk:
            raise EOFError("The server ended")
        data += chunk
        s.settimeout(3)
    return data


def receive():
    header = exactly(10).strip(b" ")
    if not header.isdigit() or int(header) > LIMIT:
        raise ValueError(f"expected a length, got {header!r}")
    return exactly(int(header)).decode("utf-8")


def show():
    try:
        while True:
            s.settimeout(None)
            name = receive()
            line = f"{name} > {receive()}"
            print("".join(c if c.isprintable() else repr(c)[1:-1] for c in line), flush=True)
    except (OSError, EOFError, ValueError) as error:
        print(error, file=sys.stderr)
        os._exit(1)


name = input("Username: ")
s = socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=3)
s.settimeout(None)
s.sendall(headed(name))
threading.Thread(target=show, daemon=True).start()
for line in sys.stdin:
    if line.strip():
        s.sendall(headed(line.rstrip("\n")))
s.shutdown(socket.SHUT_WR)
