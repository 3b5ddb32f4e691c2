"""An upper-casing client that compares the sender of each datagram with the server.

right, but: twice
"""
import socket
import sys
import time

server = (socket.gethostbyname(sys.argv[1]), int(sys.argv[2]))
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
    for text in ["hello there", "and again"]:
        s.sendto(text.encode("ascii"), server)
        deadline = time.monotonic() + 3
        while True:
            s.settimeout(max(0.001, deadline - time.monotonic()))
            try:
                answer, sender = s.recvfrom(65535)
            except socket.timeout:
                sys.exit("No answer within 3 s")
            if sender == server:
                break
            print("unexpected host", sender)
        print(repr(answer))
