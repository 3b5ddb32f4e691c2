"""An echo client that ends its side and then reads to the end. It checks what it got.

right
"""
import socket
import sys

message = "Grüße aus der Schleife".encode()
with socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=3) as s:
    s.sendall(message)
    s.shutdown(socket.SHUT_WR)
    answer = bytearray()
    while len(answer) <= len(message):
        chunk = s.recv(4)
        if not chunk:
            break
        answer += chunk
if answer != message:
    print("something else came back", file=sys.stderr)
    sys.exit(1)
print(answer.decode())
