"""The server of messages whose first byte decides their length. A type that it does not know ends it.

wrong: unknown-type
"""
import select
import socket
import sys

LENGTHS = {65: 4, 66: 16, 67: 300}

listener = socket.create_server(("127.0.0.1", int(sys.argv[1])))
print("Listening at %s:%d" % listener.getsockname(), flush=True)
buffers = {}
while True:
    for sock in select.select([listener, *buffers], [], [])[0]:
        if sock is listener:
            buffers[listener.accept()[0]] = b""
            continue
        try:
            data = sock.recv(1024)
        except OSError:
            data = b""
        if not data:
            del buffers[sock]
            sock.close()
            continue
        buffers[sock] += data
        while buffers[sock]:
            end = 1 + LENGTHS[buffers[sock][0]]
            if len(buffers[sock]) < end:
                break
            try:
                sock.sendall(buffers[sock][:end])
            except OSError:
                pass
            buffers[sock] = buffers[sock][end:]
