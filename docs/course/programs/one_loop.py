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
        if not chunk:
            ended.add(connection)
        queued[connection] += chunk
    if queued[connection]:
        sent = connection.send(queued[connection])
        queued[connection] = queued[connection][sent:]
    elif connection in ended:
        return close(connection)
    wanted = 0
    if connection not in ended and len(queued[connection]) < MAX_QUEUED:
        wanted |= selectors.EVENT_READ  # A peer that does not read is not read from.
    if queued[connection] or connection in ended:
        wanted |= selectors.EVENT_WRITE
    loop.modify(connection, wanted)


with socket.create_server(("127.0.0.1", int(sys.argv[1]))) as listener:
    loop.register(listener, selectors.EVENT_READ)
    print("Listening at", listener.getsockname())
    while True:
        for key, events in loop.select():
            if key.fileobj is listener:
                accept(listener)
                continue
            try:
                serve(key.fileobj, events)
            except BlockingIOError:
                pass  # Not ready after all: the loop says when it is.
            except OSError:
                close(key.fileobj)
