import socket

with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
    receiver.bind(("127.0.0.1", 0))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        for size in (0, 2000, 65507, 65508):
            try:
                sender.sendto(bytes(size), receiver.getsockname())
                print(size, "bytes sent,", len(receiver.recv(1024)), "received")
            except OSError as error:
                print(size, "bytes:", error)
