"""The client of the chat in turns: a line, then the other's answer. What has come before it asks cannot be the answer.

right
"""
import socket
import sys


def shown(data):
    text = data.decode("utf-8", "replace")
    return "".join(c if c.isprintable() else "\\x%02x" % ord(c) for c in text)


def forget(sock):
    sock.setblocking(False)
    try:
        while True:
            sock.recv(65535)
    except BlockingIOError:
        sock.settimeout(3)


with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
    s.connect((sys.argv[1], int(sys.argv[2])))
    for line in sys.stdin:
        forget(s)
        s.send(line.rstrip("\n").encode("utf-8"))
        try:
            print("Server:", shown(s.recv(65535)))
        except OSError as error:
            sys.exit(f"No answer: {error}")
