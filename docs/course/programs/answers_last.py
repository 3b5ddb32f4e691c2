import socket
import sys
import threading
import time


def finish(connection):
    """Ends the sending side, and drops what the client sends within two seconds."""
    connection.shutdown(socket.SHUT_WR)
    deadline = time.monotonic() + 2
    while (left := deadline - time.monotonic()) > 0:
        connection.settimeout(left)
        if not connection.recv(4096):
            break


def serve(connection):
    with connection:
        try:
            connection.settimeout(10)
            if len(connection.makefile("rb").read(16)) == 16:
                connection.sendall(b"Farewell, client")
            finish(connection)
        except OSError as error:
            print(error)


with socket.create_server(("127.0.0.1", int(sys.argv[1]))) as listener:
    print("Listening at", listener.getsockname())
    while True:
        connection, client = listener.accept()
        threading.Thread(target=serve, args=[connection], daemon=True).start()
