import socket

sender, receiver = socket.socketpair()
sender.setblocking(False)
message = bytes(10_000_000)
sent = sender.send(message)
print("send() took", "all of it" if sent == len(message) else "a part of it")
try:
    while True:
        sent += sender.send(message[sent:])
except BlockingIOError as error:
    print("then:", error)
