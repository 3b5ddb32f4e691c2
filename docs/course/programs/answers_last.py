import socket
import sys
import threading


def close(connection):
    """Ends the sending side, drops what the client still sends for a moment, and closes."""
    connection.shutdown(socket.SHUT_WR)
    connection.settimeout(2)
    while connection.recv(4096):
        pass


def serve(connection):
    with connection:
        try:
            connection.settimeout(10)
            if len(connection.makefile("rb").read(16)) == 16:
                connection.sendall(b"Farewell, client")
            close(connection)
        except OSError as error:
            print(error)


with socket.create_server(("127.0.0.1", int(sys.argv[1]))) as listener:
    print("Listening at", listener.getsockname())
    while True:
        connection, client = listener.accept()
        threading.Thread(target=serve, args=[connection], daemon=True).start()
