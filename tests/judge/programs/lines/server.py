"""The server of lines and a fixed answer, over a socket used as a file.

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
            with conn.makefile("rwb") as stream:
                while line := stream.readline(LIMIT):
                    if len(line) == LIMIT:
                        raise ValueError("a line is too long")
                    stream.write(b"Hello Node!\n")
                    stream.flush()
                    if line.decode("utf-8").rstrip("\r\n") == "STOP":
                        break
                conn.shutdown(socket.SHUT_WR)
        except (OSError, ValueError) as error:
            print("A client failed:", error, file=sys.stderr)


with socket.create_server(("127.0.0.1", int(sys.argv[1]))) as listener:
    print("Listening at %s:%d" % listener.getsockname(), flush=True)
    while True:
        conn, address = listener.accept()
        threading.Thread(target=serve, args=[conn], daemon=True).start()
