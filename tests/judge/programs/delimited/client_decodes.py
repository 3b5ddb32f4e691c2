"""The client of lines, which decodes each recv: half a character is an error.

wrong: byte-by-byte because "A character of several bytes"
"""
import socket
import sys

with socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=3) as s:
    text = ""
    s.sendall("Grüße, 世界\n".encode())
    while "\n" not in text:
        data = s.recv(1024)
        if not data or len(text) > 65536:
            raise EOFError("the server left")
        text += data.decode("utf-8")
    print("Received", repr(text))
