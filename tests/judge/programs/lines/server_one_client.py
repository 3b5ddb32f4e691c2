"""The server of lines and a fixed answer, for one client at a time.

wrong: silent-beside
"""
import socket
import sys

listener = socket.create_server(("127.0.0.1", int(sys.argv[1])))
print("Listening at %s:%d" % listener.getsockname(), flush=True)
while True:
    conn, address = listener.accept()
    try:
        with conn, conn.makefile("rwb") as stream:
            while line := stream.readline():
                stream.write(b"Hello Node!\n")
                stream.flush()
                if line.strip() == b"STOP":
                    break
    except OSError:
        pass
