import errno
import select
import socket
import sys

with socket.socket() as s:
    s.setblocking(False)
    print("At once:", errno.errorcode[s.connect_ex(("127.0.0.1", int(sys.argv[1])))])
    select.select([], [s], [], 5)
    result = s.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    print("Later:", "connected" if result == 0 else errno.errorcode[result])
