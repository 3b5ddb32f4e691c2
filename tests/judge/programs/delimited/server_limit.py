"""The server of lines, with a low limit: it reads from a file and writes to the socket.

right
"""
import socket
import sys
import threading

LIMIT = 1024


def serve(conn):
    with conn, conn.makefile("rb") as lines:
        conn.settimeout(5)
        try:
            while line := lines.readline(LIMIT + 1):
                if len(line) > LIMIT:
                    raise ValueError("a line is too long")
                text = line.removesuffix(b"\n").removesuffix(b"\r").decode("utf-8")
                conn.sendall(text.encode("utf-8") + b"\n")
        except (OSError, ValueError) as error:
            print("A client failed:", error, file=sys.stderr)


with socket.create_server(("127.0.0.1", int(sys.argv[1]))) as listener:
    print("Listening at %s:%d" % listener.getsockname(), flush=True)
    while True:
        conn, address = listener.accept()
        threading.Thread(target=serve, args=[conn], daemon=True).start()
