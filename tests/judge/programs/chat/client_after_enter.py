"""The client of the chat, which looks for what others said only after its user has typed something.

wrong: as-it-arrives
"""
import select
import socket
import sys

HEADER_LENGTH = 10


def exactly(length):
    data = b""
    while len(data) < length:
        chunk = sock.recv(length - len(data))
        if not chunk:
            sys.exit("Connection closed by the server")
        data += chunk
    return data


def receive():
    header = exactly(HEADER_LENGTH).strip()
    if not header.isdigit() or int(header) > 1_000_000:
        sys.exit("That is no header")
    return exactly(int(header)).decode("utf-8")


def send(text):
    data = text.encode("utf-8")
    sock.sendall(f"{len(data):<{HEADER_LENGTH}}".encode("utf-8") + data)


my_username = input("Username: ")
sock = socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=3)
send(my_username)
while True:
    message = input(f"{my_username} > ")
    if message:
        send(message)
    while select.select([sock], [], [], 0)[0]:
        print(repr(receive()), ">", repr(receive()))
