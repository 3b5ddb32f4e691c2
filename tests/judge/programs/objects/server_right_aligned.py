"""The server of one pickled object, whose header has its spaces before the digits.

wrong: plain
"""
import pickle
import socket
import sys
import threading


def serve(conn):
    with conn:
        payload = pickle.dumps({1: "Hey", 2: "There"}, protocol=4)
        try:
            conn.sendall(f"{len(payload):>10}".encode() + payload)
        except OSError:
            pass


with socket.create_server(("127.0.0.1", int(sys.argv[1]))) as listener:
    print("Listening at %s:%d" % listener.getsockname(), flush=True)
    while True:
        conn, address = listener.accept()
        threading.Thread(target=serve, args=[conn], daemon=True).start()
