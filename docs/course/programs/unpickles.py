import pickle
import socket
import sys

with socket.create_connection(("127.0.0.1", int(sys.argv[1]))) as s:
    header = s.recv(10, socket.MSG_WAITALL)
    print(pickle.loads(s.recv(int(header), socket.MSG_WAITALL)))
