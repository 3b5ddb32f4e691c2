"""The client of the chat on a socket that does not block. When a message comes in pieces it loses its place.

wrong: byte-by-byte
"""
import select
import socket
import sys

HEADER_LENGTH = 10

name = input("Username: ").encode("utf-8")
sock = socket.create_connection((sys.argv[1], int(sys.argv[2])))
sock.setblocking(False)
sock.send(f"{len(name):<{HEADER_LENGTH}}".encode() + name)
while True:
    ready, _, _ = select.select([sys.stdin, sock], [], [])
    if sys.stdin in ready:
        message = sys.stdin.readline().rstrip("\n").encode("utf-8")
        if message:
            sock.send(f"{len(message):<{HEADER_LENGTH}}".encode("utf-8") + message)
        else:
            break
    try:
        while True:
            header = sock.recv(HEADER_LENGTH)
            if not header:
                sys.exit("Connection closed by the server")
            username = sock.recv(int(header)).decode("utf-8")
            length = int(sock.recv(HEADER_LENGTH))
            print(repr(username), ">", repr(sock.recv(length).decode("utf-8")), flush=True)
    except BlockingIOError:
        continue
