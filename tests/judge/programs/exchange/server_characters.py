"""The server that counts characters, not bytes.

wrong: character-cut
"""
import socket
import sys
import threading


def serve(conn):
    with conn:
        conn.settimeout(5)
        try:
            request = b""
            while chunk := conn.recv(65536):
                request += chunk
            text = request.decode("utf-8", "replace")
            conn.sendall(b"received %d bytes\n" % len(text))
        except OSError:
            pass


with socket.create_server(("127.0.0.1", int(sys.argv[1]))) as listener:
    print("Listening at %s:%d" % listener.getsockname(), flush=True)
    while True:
        conn, address = listener.accept()
        threading.Thread(target=serve, args=[conn], daemon=True).start()
