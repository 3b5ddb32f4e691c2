import socket
import sys

clients = []
for number in range(1, 4):
    client = socket.socket()
    client.settimeout(0.5)
    clients.append(client)
    try:
        client.connect(("127.0.0.1", int(sys.argv[1])))
        print(number, "connected, and sent", client.send(b"Hello"), "bytes")
    except TimeoutError:
        print(number, "no answer to the first packet")
