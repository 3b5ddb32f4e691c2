"""The client of the chat, which listens for a moment after each line of its user, and then not until the next one.

wrong: as-it-arrives
"""
import select
import socket
import sys

chat = socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=3)


def send(text):
    payload = text.encode()
    chat.sendall(b"%-10d" % len(payload) + payload)


def receive(length):
    data = b""
    while len(data) < length:
        chunk = chat.recv(length - len(data))
        if chunk == b"":
            sys.exit("the server left")
        data += chunk
    return data


def message():
    return ascii(receive(int(receive(10))).decode())


send(input())
while True:
    send(input())
    while select.select([chat], [], [], 0.3)[0]:
        print(message(), message())
