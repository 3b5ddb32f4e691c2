"""The server of lines. It splits text with splitlines, which knows more ends of a line than the newline.

wrong: one-line
"""
import socket
import sys
import threading


def serve(conn):
    with conn:
        conn.settimeout(5)
        try:
            rest = b""
            while chunk := conn.recv(4096):
                lines, newline, rest = (rest + chunk).rpartition(b"\n")
                for line in lines.decode("utf-8").splitlines():
                    conn.sendall(line.encode("utf-8") + b"\n")
        except (OSError, ValueError):
            pass


with socket.create_server(("127.0.0.1", int(sys.argv[1]))) as listener:
    print("Listening at %s:%d" % listener.getsockname(), flush=True)
    while True:
        conn, address = listener.accept()
        threading.Thread(target=serve, args=[conn], daemon=True).start()
