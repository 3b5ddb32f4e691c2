"""An echo server with a selector. It closes at the client's end, while answers wait to be sent.

wrong: without-reading
"""
import selectors
import socket
import sys

selector = selectors.DefaultSelector()
answers = {}


def serve(conn, events):
    if events & selectors.EVENT_READ:
        chunk = conn.recv(4096)
        if not chunk:
            raise EOFError("the end")
        answers[conn] += chunk
    if answers[conn] and events & selectors.EVENT_WRITE:
        answers[conn] = answers[conn][conn.send(answers[conn]):]


with socket.create_server(("127.0.0.1", int(sys.argv[1]))) as listener:
    print("Listening at %s:%d" % listener.getsockname(), flush=True)
    selector.register(listener, selectors.EVENT_READ)
    while True:
        for key, events in selector.select():
            if key.fileobj is listener:
                conn, address = listener.accept()
                conn.setblocking(False)
                answers[conn] = b""
                selector.register(conn, selectors.EVENT_READ | selectors.EVENT_WRITE)
                continue
            try:
                serve(key.fileobj, events)
            except (OSError, EOFError):
                selector.unregister(key.fileobj)
                key.fileobj.close()
