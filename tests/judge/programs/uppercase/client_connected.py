"""An upper-casing client with a connected socket, which asks again twice if no answer comes.

right
"""
import socket
import sys

with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
    s.connect((sys.argv[1], int(sys.argv[2])))
    for delay in [0.5, 1, 2]:
        s.send(b"this is another message")
        s.settimeout(delay)
        try:
            data = s.recv(65535)
            break
        except socket.timeout:
            continue
    else:
        raise RuntimeError("the server seems to be down")
print("The server says", repr(data))
