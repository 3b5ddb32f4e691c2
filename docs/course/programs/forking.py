import os
import signal
import socket
import sys

signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # The system forgets children that have ended.
with socket.create_server(("127.0.0.1", int(sys.argv[1]))) as listener:
    print("Listening at", listener.getsockname())
    while True:
        connection, client = listener.accept()
        with connection:  # The parent closes its copy: a connection ends when all copies are closed.
            if os.fork() == 0:
                listener.close()
                while chunk := connection.recv(4096):
                    connection.sendall(chunk)
                os._exit(0)
