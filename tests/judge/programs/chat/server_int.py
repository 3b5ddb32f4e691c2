"""The chat with select, which gives any header to int: a client that sends none of the kind ends it.

wrong: wrong-header
"""
import select
import socket
import sys

buffers = {}
names = {}


def messages(sock):
    while len(buffers[sock]) >= 10:
        end = 10 + int(buffers[sock][:10].decode("utf-8"))
        if len(buffers[sock]) < end:
            return
        message, buffers[sock] = buffers[sock][:end], buffers[sock][end:]
        yield message


server = socket.create_server(("127.0.0.1", int(sys.argv[1])))
print("Listening at %s:%d" % server.getsockname(), flush=True)
while True:
    for sock in select.select([server, *buffers], [], [])[0]:
        if sock is server:
            buffers[server.accept()[0]] = b""
            continue
        try:
            data = sock.recv(65536)
        except OSError:
            data = b""
        if not data:
            del buffers[sock]
            names.pop(sock, None)
            sock.close()
            continue
        buffers[sock] += data
        for message in messages(sock):
            if sock not in names:
                names[sock] = message
                continue
            for other in list(names):
                if other is not sock:
                    try:
                        other.sendall(names[sock] + message)
                    except OSError:
                        pass
