"""The server of the chat in turns: it answers every turn with the same text.

right
"""
import socket
import sys

reply = sys.argv[2] if len(sys.argv) > 2 else "Indeed"
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
    s.bind(("127.0.0.1", int(sys.argv[1])))
    print("Listening at %s:%d" % s.getsockname(), flush=True)
    while True:
        try:
            turn, address = s.recvfrom(65535)
            print("%s:%d" % address, repr(turn.decode("utf-8", "replace")))
            s.sendto(reply.encode("utf-8"), address)
        except OSError as error:
            print(error, file=sys.stderr)
