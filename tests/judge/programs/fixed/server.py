"""The server of messages of one length.

right
"""
import socket
import sys
import threading

LENGTH = int(sys.argv[2]) if len(sys.argv) > 2 else 5000


def serve(conn):
    with conn:
        conn.settimeout(5)
        try:
            while message := receive(conn):
                conn.sendall(message)
        except (OSError, EOFError) as error:
            print("A client failed:", error, file=sys.stderr)


def receive(conn):
    """Reads a message; nothing at the end between two."""
    message = bytearray()
    while len(message) < LENGTH:
        chunk = conn.recv(LENGTH - len(message))
        if not chunk:
            if message:
                raise EOFError(f"expected {LENGTH} bytes, got {len(message)}")
            return None
        message += chunk
    return message


with socket.create_server(("127.0.0.1", int(sys.argv[1]))) as listener:
    print("Listening at %s:%d" % listener.getsockname(), flush=True)
    while True:
        conn, address = listener.accept()
        threading.Thread(target=serve, args=[conn], daemon=True).start()
