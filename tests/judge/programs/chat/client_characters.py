"""The client of the chat, whose headers count characters, not bytes.

wrong: plain
"""
import select
import socket
import sys


def receive():
    header = stream.read(10)
    if len(header) < 10:
        sys.exit("The server ended")
    if not header.strip().isdigit() or int(header) > 1_000_000:
        sys.exit("That is no header")
    return stream.read(int(header)).decode("utf-8")


def send(text):
    sock.sendall(f"{len(text):<10}{text}".encode("utf-8"))


name = input("Username: ")
sock = socket.create_connection((sys.argv[1], int(sys.argv[2])))
stream = sock.makefile("rb", buffering=0)
send(name)
while True:
    ready, _, _ = select.select([sys.stdin, sock], [], [])
    if sys.stdin in ready:
        line = sys.stdin.readline()
        if not line:
            break
        send(line.rstrip("\n"))
    if sock in ready:
        print(repr(receive()), ">", repr(receive()), flush=True)
