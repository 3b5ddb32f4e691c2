"""An echo server with select. A client that resets its connection ends it.

wrong: reset
"""
import select
import socket
import sys

listener = socket.create_server(("127.0.0.1", int(sys.argv[1])))
print("Listening at %s:%d" % listener.getsockname(), flush=True)
sockets = [listener]
while True:
    readable, _, _ = select.select(sockets, [], [])
    for sock in readable:
        if sock is listener:
            sockets.append(listener.accept()[0])
            continue
        data = sock.recv(1024)
        if data:
            sock.sendall(data)
        else:
            sockets.remove(sock)
            sock.close()
