"""An echo server on sockets that do not block. It takes for granted that send sends everything.

wrong: without-reading
"""
import select
import socket
import sys

listener = socket.create_server(("127.0.0.1", int(sys.argv[1])))
print("Listening at %s:%d" % listener.getsockname(), flush=True)
clients = []
while True:
    readable, _, _ = select.select([listener] + clients, [], [])
    for sock in readable:
        if sock is listener:
            conn, _ = listener.accept()
            conn.setblocking(False)
            clients.append(conn)
            continue
        try:
            data = sock.recv(65536)
            if data:
                sock.send(data)
                continue
        except BlockingIOError:
            continue
        except OSError:
            pass
        clients.remove(sock)
        sock.close()
