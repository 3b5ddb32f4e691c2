"""The server of the sixteen bytes, which serves one client at a time.

wrong: silent-beside
"""
import socket
import sys


def recv_all(sock, length):
    data = b""
    while len(data) < length:
        more = sock.recv(length - len(data))
        if not more:
            raise EOFError("was expecting %d bytes but only received %d" % (length, len(data)))
        data += more
    return data


listener = socket.create_server(("127.0.0.1", int(sys.argv[1])), backlog=1)
print("Listening at %s:%d" % listener.getsockname(), flush=True)
while True:
    conn, address = listener.accept()
    with conn:
        try:
            print("Message:", repr(recv_all(conn, 16)))
            conn.sendall(b"Farewell, client")
            conn.shutdown(socket.SHUT_WR)
            while conn.recv(4096):
                pass
        except (OSError, EOFError) as error:
            print(error)
