import select
import socket

here, there = socket.socketpair()
here.setblocking(False)
try:
    here.recv(1024)
except BlockingIOError as error:
    print(error.errno, error.strerror)
print("Ready before:", len(select.select([here], [], [], 0)[0]))
there.sendall(b"Hello")
print("Ready after:", len(select.select([here], [], [], 1)[0]))
print(here.recv(1024))
