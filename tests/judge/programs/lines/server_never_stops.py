"""The server of lines and a fixed answer. It compares STOP with what still has its newline.

wrong: stop
"""
import socket
import sys
import threading


def serve(conn):
    with conn, conn.makefile("rw") as stream:
        conn.settimeout(5)
        try:
            while True:
                line = stream.readline(65536)
                if not line or line == "STOP":
                    break
                stream.write("Hello Node!\n")
                stream.flush()
        except (OSError, ValueError):
            pass


with socket.create_server(("127.0.0.1", int(sys.argv[1]))) as listener:
    print("Listening at %s:%d" % listener.getsockname(), flush=True)
    while True:
        conn, address = listener.accept()
        threading.Thread(target=serve, args=[conn], daemon=True).start()
