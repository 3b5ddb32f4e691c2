"""The client of the chat with select on its input and its socket.

right
"""
import re
import select
import socket
import sys


def pack(text):
    return str(len(text.encode())).ljust(10).encode() + text.encode()


def unpack(buffer):
    """Takes a message off the buffer: its text, or nothing if it is not whole."""
    if len(buffer) < 10:
        return None
    if not re.fullmatch(rb" *\d+ *", buffer[:10]) or int(buffer[:10]) > 65536:
        raise ValueError("expected a length")
    end = 10 + int(buffer[:10])
    if len(buffer) < end:
        return None
    text = buffer[10:end].decode()
    del buffer[:end]
    return text


sock = socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=3)
name = sys.stdin.readline().strip()
sock.sendall(pack(name))
buffer = bytearray()
sender = None
sources = [sys.stdin, sock]
while True:
    ready, _, _ = select.select(sources, [], [], 3 if buffer or sender else None)
    if not ready:
        sys.exit("The rest of a message did not come")
    if sock in ready:
        data = sock.recv(4096)
        if not data:
            sys.exit("The server closed the connection")
        buffer += data
        while (text := unpack(buffer)) is not None:
            if sender is None:
                sender = text
            else:
                print(repr(sender), "says", repr(text), flush=True)
                sender = None
    if sys.stdin in ready:
        line = sys.stdin.readline()
        if not line:
            break
        sock.sendall(pack(line.rstrip("\n")))
