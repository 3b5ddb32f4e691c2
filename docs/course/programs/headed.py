import re
import socket
import sys

MAX_LENGTH = 1024 * 1024


def recv_exactly(s, length, at_end=None):
    received = bytearray()
    while len(received) < length:
        chunk = s.recv(min(length - len(received), 65536))
        if not chunk:
            if not received and at_end is not None:
                return at_end
            raise ValueError(f"expected {length} bytes, got {len(received)}")
        received += chunk
    return bytes(received)


def recv_message(s):
    """Returns the next message, or None at the end."""
    header = recv_exactly(s, 10, at_end=b"")
    if header == b"":
        return None
    if not re.fullmatch(rb" *[0-9]+ *", header):
        raise ValueError(f"expected a length in digits, got {header}")
    if int(header) > MAX_LENGTH:
        raise ValueError(f"expected at most {MAX_LENGTH} bytes, got a length of {int(header)}")
    return recv_exactly(s, int(header))


with socket.create_server(("127.0.0.1", int(sys.argv[1]))) as listener:
    print("Listening at", listener.getsockname())
    while True:
        connection, client = listener.accept()
        with connection:
            connection.settimeout(10)
            try:
                while (message := recv_message(connection)) is not None:
                    print("Received", message)
            except (ValueError, OSError) as error:
                print("Closed:", error)
