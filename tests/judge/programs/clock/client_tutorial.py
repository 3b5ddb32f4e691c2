"""The client of the clock, which throws away what follows a message in the same recv.

wrong: two-at-once
"""
import socket
import sys

HEADERSIZE = 10

s = socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=3)
while True:
    full_msg = b""
    new_msg = True
    while True:
        msg = s.recv(64)
        if not msg:
            sys.exit("The server ended")
        full_msg += msg
        if new_msg:
            while len(full_msg) < HEADERSIZE:
                full_msg += s.recv(HEADERSIZE - len(full_msg)) or sys.exit("The server ended")
            msglen = int(full_msg[:HEADERSIZE])
            new_msg = False
        if len(full_msg) - HEADERSIZE >= msglen:
            print(repr(full_msg[HEADERSIZE:HEADERSIZE + msglen].decode()))
            break
