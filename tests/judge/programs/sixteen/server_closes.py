"""The server of the sixteen bytes, which closes with a byte unread: the system resets the connection.

wrong: one-more
"""
import socket
import sys
import threading


def serve(conn):
    conn.settimeout(5)
    try:
        data = b""
        while len(data) < 16:
            more = conn.recv(16 - len(data))
            if not more:
                break
            data += more
        if len(data) == 16:
            conn.sendall(b"Farewell, client")
    except OSError:
        pass
    conn.close()


with socket.create_server(("127.0.0.1", int(sys.argv[1]))) as listener:
    print("Listening at %s:%d" % listener.getsockname(), flush=True)
    while True:
        conn, address = listener.accept()
        threading.Thread(target=serve, args=[conn], daemon=True).start()
