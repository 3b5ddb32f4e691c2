import socket
import sys


def close(connection):
    """Ends the sending side, reads and drops what the client still sends for a moment, and closes."""
    connection.shutdown(socket.SHUT_WR)
    connection.settimeout(2)
    try:
        while connection.recv(4096):
            pass
    except OSError:
        pass


with socket.create_server(("127.0.0.1", int(sys.argv[1]))) as listener:
    print("Listening at", listener.getsockname())
    while True:
        connection, client = listener.accept()
        with connection:
            request = connection.recv(16, socket.MSG_WAITALL)
            connection.sendall(b"Farewell, client")
            close(connection)
