"""The server of lines, which answers the first line of a recv and forgets the others.

wrong: two-at-once
"""
import socket
import sys
import threading


def serve(conn):
    with conn:
        conn.settimeout(5)
        try:
            buffer = b""
            while data := conn.recv(1024):
                buffer += data
                if b"\n" in buffer:
                    line = buffer.split(b"\n")[0]
                    conn.sendall(line.removesuffix(b"\r") + b"\n")
                    buffer = b""
            if buffer:
                conn.sendall(buffer + b"\n")
        except OSError:
            pass


with socket.create_server(("127.0.0.1", int(sys.argv[1]))) as listener:
    print("Listening at %s:%d" % listener.getsockname(), flush=True)
    while True:
        conn, address = listener.accept()
        threading.Thread(target=serve, args=[conn], daemon=True).start()
