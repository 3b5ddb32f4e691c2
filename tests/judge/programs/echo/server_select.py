"""An echo server with one thread: it asks which sockets are ready. Nobody is ever closed for saying nothing.

right, but: silent
"""
import selectors
import socket
import sys

selector = selectors.DefaultSelector()
waiting = {}  # What each client is still owed.


def accept(listener):
    conn, _ = listener.accept()
    conn.setblocking(False)
    waiting[conn] = b""
    selector.register(conn, selectors.EVENT_READ, exchange)


def exchange(conn):
    try:
        if waiting[conn]:
            waiting[conn] = waiting[conn][conn.send(waiting[conn]):]
        else:
            waiting[conn] = conn.recv(4096)
            if not waiting[conn]:
                raise ConnectionError("the end")
    except BlockingIOError:
        return
    except OSError:
        selector.unregister(conn)
        waiting.pop(conn)
        conn.close()
        return
    # A client that does not read is not read from either.
    selector.modify(conn, selectors.EVENT_WRITE if waiting[conn] else selectors.EVENT_READ, exchange)


listener = socket.create_server(("127.0.0.1", int(sys.argv[1])), backlog=5)
print("Listening at %s:%d" % listener.getsockname(), flush=True)
selector.register(listener, selectors.EVENT_READ, accept)
while True:
    for key, _ in selector.select():
        key.data(key.fileobj)
