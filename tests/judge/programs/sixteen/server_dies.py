"""The server of sixteen bytes, with select. It ends when a client leaves before its message is complete.

wrong: silent-beside
"""
import select
import socket
import sys

buffers = {}
with socket.create_server(("127.0.0.1", int(sys.argv[1]))) as listener:
    print("Listening at %s:%d" % listener.getsockname(), flush=True)
    while True:
        for sock in select.select([listener, *buffers], [], [])[0]:
            if sock is listener:
                conn, address = listener.accept()
                buffers[conn] = b""
                continue
            chunk = sock.recv(16 - len(buffers[sock]))
            if not chunk:
                raise EOFError(f"expected 16 bytes, got {len(buffers[sock])}")
            buffers[sock] += chunk
            if len(buffers[sock]) == 16:
                sock.sendall(b"Farewell, client")
                del buffers[sock]
                sock.close()
