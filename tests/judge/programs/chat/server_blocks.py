"""The chat with select, whose reads block: a client that connects and says nothing stops everybody.

wrong: silent-beside
"""
import select
import socket
import sys

HEADER_LENGTH = 10


def receive_message(client):
    try:
        header = b""
        while len(header) < HEADER_LENGTH:
            chunk = client.recv(HEADER_LENGTH - len(header))
            if not chunk:
                return None
            header += chunk
        length = int(header)
        data = b""
        while len(data) < length:
            chunk = client.recv(length - len(data))
            if not chunk:
                return None
            data += chunk
        return b"%-10d" % length + data
    except (OSError, ValueError):
        return None


server = socket.create_server(("127.0.0.1", int(sys.argv[1])))
print("Listening at %s:%d" % server.getsockname(), flush=True)
clients = {}
while True:
    for sock in select.select([server, *clients], [], [])[0]:
        if sock is server:
            client, address = server.accept()
            name = receive_message(client)
            if name:
                clients[client] = name
        elif sock in clients:
            message = receive_message(sock)
            if message is None:
                del clients[sock]
                sock.close()
                continue
            for client in list(clients):
                if client is not sock:
                    try:
                        client.sendall(clients[sock] + message)
                    except OSError:
                        pass
