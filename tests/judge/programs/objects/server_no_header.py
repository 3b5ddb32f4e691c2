"""The server of one pickled object, without the header.

wrong: plain
"""
import pickle
import socket
import sys
import threading


def serve(conn):
    with conn:
        conn.sendall(pickle.dumps({1: "Hey", 2: "There"}))


with socket.create_server(("127.0.0.1", int(sys.argv[1]))) as listener:
    print("Listening at %s:%d" % listener.getsockname(), flush=True)
    while True:
        conn, address = listener.accept()
        threading.Thread(target=serve, args=[conn], daemon=True).start()
