"""An upper-casing server: bytes in, bytes out; only a to z change.

right
"""
import socket
import sys

with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
    s.bind(("127.0.0.1", int(sys.argv[1])))
    print("Listening at %s:%d" % s.getsockname(), flush=True)
    while True:
        try:
            datagram, address = s.recvfrom(65535)
            s.sendto(datagram.upper(), address)
        except OSError as error:
            print(error, file=sys.stderr)
