"""An upper-casing client that asks again twice a second, and takes the next datagram for the answer.

right, but: twice
"""
import socket
import sys

server = socket.socket(type=socket.SOCK_DGRAM)
server.connect((sys.argv[1], int(sys.argv[2])))
server.settimeout(0.4)
for text in (b"one", b"two", b"three"):
    for _ in range(8):
        server.send(text)
        try:
            print(server.recv(65535))
            break
        except socket.timeout:
            pass
    else:
        sys.exit("no answer")
