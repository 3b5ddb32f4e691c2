"""The client that ends its side, then reads to the end.

right
"""
import socket
import sys

with socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=3) as s:
    s.sendall(b"everything I have to say")
    s.shutdown(socket.SHUT_WR)
    answer = b""
    while len(answer) < 1000:
        chunk = s.recv(1024)
        if not chunk:
            break
        answer += chunk
if not answer.endswith(b"\n"):
    sys.exit("The answer is not whole: " + repr(answer))
print(repr(answer.decode("ascii", "backslashreplace")))
