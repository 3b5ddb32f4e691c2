"""The client of the chat, which prints what others say as it is: escape sequences steer the terminal.

right, but: stalled-server, escape
"""
import os
import socket
import sys
import threading


def send(text):
    data = text.encode("utf-8")
    sock.sendall(b"%-10d" % len(data) + data)


def receive():
    header = stream.read(10)
    if len(header) < 10 or not header.strip().isdigit() or int(header) > 1_000_000:
        raise EOFError("no header")
    data = stream.read(int(header))
    if len(data) < int(header):
        raise EOFError("no text")
    return data.decode("utf-8")


def show():
    try:
        while True:
            print(f"{receive()} > {receive()}", flush=True)
    except (EOFError, OSError, ValueError) as error:
        print(error, file=sys.stderr)
        os._exit(1)


name = input("Username: ")
sock = socket.create_connection((sys.argv[1], int(sys.argv[2])))
stream = sock.makefile("rb")
send(name)
threading.Thread(target=show, daemon=True).start()
for line in sys.stdin:
    send(line.rstrip("\n"))
