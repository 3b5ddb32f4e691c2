import socket
import sys
import time

with socket.create_connection(("127.0.0.1", int(sys.argv[1]))):
    print("Connected, saying nothing")
    time.sleep(600)
