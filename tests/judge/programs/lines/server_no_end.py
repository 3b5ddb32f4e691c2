"""The server of lines and a fixed answer. It closes the socket, but the file still holds it open: no end is sent.

wrong: stop-end
"""
import socket
import sys
import threading

kept = []


def serve(conn):
    conn.settimeout(5)
    stream = conn.makefile("rwb")
    kept.append(stream)
    try:
        while line := stream.readline(65536):
            stream.write(b"Hello Node!\n")
            stream.flush()
            if line.strip() == b"STOP":
                break
    except OSError:
        pass
    conn.close()


with socket.create_server(("127.0.0.1", int(sys.argv[1]))) as listener:
    print("Listening at %s:%d" % listener.getsockname(), flush=True)
    while True:
        conn, address = listener.accept()
        threading.Thread(target=serve, args=[conn], daemon=True).start()
