"""The server of the chat in turns. A letter that ASCII does not have ends it.

wrong: not-utf8
"""
import socket
import sys

sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sock.bind(("127.0.0.1", int(sys.argv[1])))
print("Listening at %s:%d" % sock.getsockname(), flush=True)
while True:
    turn, address = sock.recvfrom(65535)
    print("Client:", repr(turn.decode("ascii")))
    sock.sendto("Indeed".encode("ascii"), address)
