import socket


def listen(port, reuse):
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, reuse)
    listener.bind(("127.0.0.1", port))
    listener.listen()
    return listener


def restart(reuse):
    listener = listen(0, reuse)
    port = listener.getsockname()[1]
    client = socket.create_connection(("127.0.0.1", port))
    connection, _ = listener.accept()
    connection.close()  # The server ends first, so TIME_WAIT is on its side.
    client.recv(1)
    client.close()
    listener.close()
    try:
        listen(port, reuse)
        return "listening again"
    except OSError as error:
        return error.strerror


print("Without SO_REUSEADDR:", restart(False))
print("With SO_REUSEADDR:", restart(True))
