"""The server of one pickled object.

right
"""
import pickle
import socket
import sys
import threading


def serve(conn):
    with conn:
        conn.settimeout(5)
        try:
            payload = pickle.dumps({1: "Hey", 2: "There"}, protocol=4)
            conn.sendall(b"%-10d" % len(payload) + payload)
            conn.shutdown(socket.SHUT_WR)
            conn.settimeout(0.5)
            while conn.recv(4096):
                pass
        except OSError as error:
            print("A client failed:", error, file=sys.stderr)


with socket.create_server(("127.0.0.1", int(sys.argv[1]))) as listener:
    print("Listening at %s:%d" % listener.getsockname(), flush=True)
    while True:
        conn, address = listener.accept()
        threading.Thread(target=serve, args=[conn], daemon=True).start()
