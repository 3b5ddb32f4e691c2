import selectors
import socket
import sys

MAX_QUEUED = 65536
loop = selectors.DefaultSelector()
queued = {}  # The bytes that each connection has yet to be sent.
ended = set()  # The connections whose peer has ended its side.


def accept(listener):
    connection, _ = listener.accept()
    connection.setblocking(False)
    queued[connection] = b""
    loop.register(connection, selectors.EVENT_READ)


def close(connection):
    loop.unregister(connection)
    del queued[connection]
    ended.discard(connection)
    connection.close()


def serve(connection, events):
    if events & selectors.EVENT_READ:
        chunk = connection.recv(4096)
        if chunk:
            queued[connection] += chunk
        else:
            ended.add(connection)
    if events & selectors.EVENT_WRITE:
        sent = connection.send(queued[connection])
        queued[connection] = queued[connection][sent:]
    wanted = 0
    if connection not in ended and len(queued[connection]) < MAX_QUEUED:
        wanted |= selectors.EVENT_READ  # Reads nothing from a peer that does not read.
    if queued[connection]:
        wanted |= selectors.EVENT_WRITE
    if wanted:
        loop.modify(connection, wanted)
    else:
        close(connection)


with socket.create_server(("127.0.0.1", int(sys.argv[1]))) as listener:
    listener.setblocking(False)
    loop.register(listener, selectors.EVENT_READ)
    print("Listening at", listener.getsockname())
    while True:
        for key, events in loop.select():
            try:
                if key.fileobj is listener:
                    accept(listener)
                else:
                    serve(key.fileobj, events)
            except BlockingIOError:
                pass  # Not ready after all: the loop says when it is.
            except OSError:
                if key.fileobj is not listener:
                    close(key.fileobj)
