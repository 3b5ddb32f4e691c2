"""The server of the chat in turns, for one client: it answers the first that came, whoever writes.

wrong: two-clients
"""
import socket
import sys

sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sock.bind(("127.0.0.1", int(sys.argv[1])))
print("Listening at %s:%d" % sock.getsockname(), flush=True)
partner = None
while True:
    turn, address = sock.recvfrom(65535)
    partner = partner or address
    print("Client:", repr(turn))
    sock.sendto(b"Indeed", partner)
