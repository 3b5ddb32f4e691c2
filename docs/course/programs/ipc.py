import os
import socket
from multiprocessing import shared_memory

# A pipe: bytes in one direction, between a process and its children. It has no messages either.
reading, writing = os.pipe()
if os.fork() == 0:
    os.write(writing, b"one")
    os.write(writing, b"two")
    os._exit(0)
os.wait()
print("pipe:", os.read(reading, 1024))

# A pair of connected Unix sockets: both directions. Datagrams keep the bounds of messages.
for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
    ours, theirs = socket.socketpair(socket.AF_UNIX, kind)
    if os.fork() == 0:
        theirs.send(b"one")
        theirs.send(b"two")
        os._exit(0)
    os.wait()
    print(kind.name + ":", ours.recv(1024))

# Shared memory: no copy, but no order, and no sign that something changed. Here the child's end is the sign.
memory = shared_memory.SharedMemory(create=True, size=16)
if os.fork() == 0:
    memory.buf[:3] = b"one"
    os._exit(0)
os.wait()
print("shared memory:", bytes(memory.buf[:3]))
memory.close()
memory.unlink()
