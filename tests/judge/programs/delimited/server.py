"""The server of lines: it keeps what is not a whole line yet, and no more than a limit of it.

right
"""
import socket
import sys
import threading

LIMIT = 65536


def serve(conn):
    with conn:
        conn.settimeout(5)
        try:
            rest = b""
            while chunk := conn.recv(4096):
                *lines, rest = (rest + chunk).split(b"\n")
                for line in lines:
                    answer(conn, line)
                if len(rest) > LIMIT:
                    raise ValueError("a line is too long")
            if rest:
                answer(conn, rest)
        except (OSError, ValueError) as error:
            print("A client failed:", error, file=sys.stderr)


def answer(conn, line):
    text = line.removesuffix(b"\r").decode("utf-8")
    conn.sendall(text.encode("utf-8") + b"\n")


with socket.create_server(("127.0.0.1", int(sys.argv[1]))) as listener:
    print("Listening at %s:%d" % listener.getsockname(), flush=True)
    while True:
        conn, address = listener.accept()
        threading.Thread(target=serve, args=[conn], daemon=True).start()
