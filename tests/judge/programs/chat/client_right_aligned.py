"""The client of the chat, whose headers are padded on the left.

wrong: plain because "digits and then spaces"
"""
import os
import socket
import sys
import threading

chat = socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=3)
chat.settimeout(None)
incoming = chat.makefile("rb")


def send(text):
    payload = text.encode()
    chat.sendall(b"%10d" % len(payload) + payload)


def message():
    header = incoming.read(10)
    if len(header) < 10:
        os._exit(0)
    return ascii(incoming.read(int(header)).decode())


def listen():
    while True:
        print(message(), message())


send(input())
threading.Thread(target=listen, daemon=True).start()
for line in sys.stdin:
    send(line.rstrip("\n"))
