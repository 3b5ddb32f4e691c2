"""The server of the sixteen bytes: it reads until it has them, answers, and lets the client have the answer.

right
"""
import socket
import sys
import threading


def serve(conn):
    with conn:
        conn.settimeout(5)
        try:
            data = b""
            while len(data) < 16:
                chunk = conn.recv(16 - len(data))
                if not chunk:
                    raise EOFError(f"expected 16 bytes, got {len(data)}")
                data += chunk
            conn.sendall(b"Farewell, client")
            conn.shutdown(socket.SHUT_WR)
            conn.settimeout(1)
            while conn.recv(4096):
                pass
        except (OSError, EOFError) as error:
            print("A client failed:", error, file=sys.stderr)


with socket.create_server(("127.0.0.1", int(sys.argv[1]))) as listener:
    print("Listening at %s:%d" % listener.getsockname(), flush=True)
    while True:
        conn, address = listener.accept()
        threading.Thread(target=serve, args=[conn], daemon=True).start()
