"""An echo client with a thread that reads. If that fails, the other waits for it for ever.

wrong: cut-off because "only the thread"
"""
import socket
import sys
import threading

message = b"Hello, world"
server = socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=3)
done = threading.Event()


def read():
    answer = b""
    while len(answer) < len(message):
        chunk = server.recv(1024)
        if chunk == b"":
            raise EOFError("the connection was closed")
        answer += chunk
    print(answer.decode())
    done.set()


threading.Thread(target=read, daemon=True).start()
server.sendall(message)
done.wait()
