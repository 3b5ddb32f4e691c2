"""The server that counts, with all of the request in memory, and for a client that may take any time.

right, but: silent, endless
"""
import socket
import sys
import threading


def serve(conn):
    with conn, conn.makefile("rwb") as stream:
        try:
            request = stream.read()
            stream.write(b"received %d bytes\n" % len(request))
            stream.flush()
        except OSError:
            pass


with socket.create_server(("127.0.0.1", int(sys.argv[1]))) as listener:
    print("Listening at %s:%d" % listener.getsockname(), flush=True)
    while True:
        conn, address = listener.accept()
        threading.Thread(target=serve, args=[conn], daemon=True).start()
