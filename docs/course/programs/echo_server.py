import socket
import sys
import threading


def serve(connection, client):
    with connection:
        connection.settimeout(60)
        try:
            while chunk := connection.recv(4096):
                connection.sendall(chunk)
        except OSError as error:
            print(client, error)


with socket.create_server(("127.0.0.1", int(sys.argv[1])), backlog=128) as listener:
    print("Listening at", listener.getsockname())
    while True:
        threading.Thread(target=serve, args=listener.accept(), daemon=True).start()
