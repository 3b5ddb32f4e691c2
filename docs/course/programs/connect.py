import errno
import socket
import sys

with socket.socket() as s:
    result = s.connect_ex(("127.0.0.1", int(sys.argv[1])))
    if result != 0:
        sys.exit(f"Not connected: {errno.errorcode[result]}")
    print("Connected to", s.getpeername(), "from", s.getsockname())
    s.sendall(b"Hello, world")
    s.shutdown(socket.SHUT_WR)
    print(s.recv(1024))
