"""An upper-casing server that decodes ASCII; any other byte ends it.

wrong: not-ascii
"""
import socket
import sys

sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sock.bind(("127.0.0.1", int(sys.argv[1])))
print("Listening at %s:%d" % sock.getsockname(), flush=True)
while True:
    data, address = sock.recvfrom(65535)
    text = data.decode("ascii")
    sock.sendto(text.upper().encode("ascii"), address)
