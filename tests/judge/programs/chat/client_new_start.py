"""The client of the chat on a socket that does not block. When the rest of a message is not there yet, it begins anew.

wrong: name-apart
"""
import select
import socket
import sys

HEADER_LENGTH = 10


def receive():
    header = sock.recv(HEADER_LENGTH)
    if not header:
        sys.exit("Connection closed by the server")
    if not header.strip().isdigit() or int(header) > 1_000_000:
        sys.exit("That is no header")
    return sock.recv(int(header)).decode("utf-8")


def send(text):
    data = text.encode("utf-8")
    sock.send(f"{len(data):<{HEADER_LENGTH}}".encode("utf-8") + data)


name = input("Username: ")
sock = socket.create_connection((sys.argv[1], int(sys.argv[2])))
sock.setblocking(False)
send(name)
while True:
    ready, _, _ = select.select([sys.stdin, sock], [], [])
    if sys.stdin in ready:
        line = sys.stdin.readline()
        if not line:
            break
        send(line.rstrip("\n"))
    try:
        while True:
            print(repr(receive()), ">", repr(receive()), flush=True)
    except BlockingIOError:
        continue
