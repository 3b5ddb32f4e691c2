"""The server of lines, which decodes each recv: half a character ends the connection.

wrong: character-cut
"""
import socket
import sys
import threading


def serve(conn):
    with conn:
        conn.settimeout(5)
        try:
            text = ""
            while data := conn.recv(1024):
                text += data.decode("utf-8")
                while "\n" in text:
                    line, text = text.split("\n", 1)
                    conn.sendall((line.removesuffix("\r") + "\n").encode())
                if len(text) > 65536:
                    return
            if text:
                conn.sendall((text + "\n").encode())
        except (OSError, UnicodeDecodeError):
            pass


with socket.create_server(("127.0.0.1", int(sys.argv[1]))) as listener:
    print("Listening at %s:%d" % listener.getsockname(), flush=True)
    while True:
        conn, address = listener.accept()
        threading.Thread(target=serve, args=[conn], daemon=True).start()
