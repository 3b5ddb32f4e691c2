"""The server of messages of one length, which serves one client at a time.

wrong: silent-beside
"""
import socket
import sys

LENGTH = int(sys.argv[2]) if len(sys.argv) > 2 else 5000


class Peer:
    def __init__(self, sock):
        self.sock = sock

    def send(self, message):
        total = 0
        while total < LENGTH:
            sent = self.sock.send(message[total:])
            if sent == 0:
                raise RuntimeError("socket connection broken")
            total += sent

    def receive(self):
        chunks = []
        have = 0
        while have < LENGTH:
            chunk = self.sock.recv(min(LENGTH - have, 2048))
            if chunk == b"":
                raise RuntimeError("socket connection broken")
            chunks.append(chunk)
            have += len(chunk)
        return b"".join(chunks)


listener = socket.create_server(("127.0.0.1", int(sys.argv[1])), backlog=5)
print("Listening at %s:%d" % listener.getsockname(), flush=True)
while True:
    conn, address = listener.accept()
    with conn:
        peer = Peer(conn)
        try:
            while True:
                peer.send(peer.receive())
        except (OSError, RuntimeError) as error:
            print(error)
