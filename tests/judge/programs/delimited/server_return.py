"""The server of lines, which sends the carriage return back as a part of the line.

wrong: crlf
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
                *lines, buffer = (buffer + data).split(b"\n")
                for line in lines:
                    conn.sendall(line + b"\n")
                if len(buffer) > 65536:
                    return
            if buffer:
                conn.sendall(buffer + b"\n")
        except OSError:
            pass


with socket.create_server(("127.0.0.1", int(sys.argv[1]))) as listener:
    print("Listening at %s:%d" % listener.getsockname(), flush=True)
    while True:
        conn, address = listener.accept()
        threading.Thread(target=serve, args=[conn], daemon=True).start()
