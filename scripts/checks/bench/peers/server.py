"""The same services in Python: server.py asyncio|uvloop|streams|loop echo|delimited|uppercase|chat prints its port.

asyncio and uvloop use protocols, which are the fast way; streams is the one with readline(); loop is a plain socket, as
in the tutorials, without asyncio. None looks whether text is UTF-8.
"""

import socket
import sys

HEADER = 10
LONGEST = 1024 * 1024

mode, service = sys.argv[1:]


def listen(kind):
    listener = socket.socket(socket.AF_INET, kind)
    listener.bind(("127.0.0.1", 0))
    if kind == socket.SOCK_STREAM:
        listener.listen(511)
    print(listener.getsockname()[1], flush=True)
    return listener


def plain_loop():
    if service == "uppercase":
        datagrams = listen(socket.SOCK_DGRAM)
        while True:
            data, sender = datagrams.recvfrom(65536)
            datagrams.sendto(data.upper(), sender)
    listener = listen(socket.SOCK_STREAM)
    while True:
        connection, _ = listener.accept()
        with connection:
            while data := connection.recv(65536):
                connection.sendall(data)


if mode == "loop":
    plain_loop()

import asyncio  # noqa: E402  (the plain loop starts without it)


class Stream(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport = transport
        self.rest = b""

    # Stop reading from a client that does not read.
    def pause_writing(self):
        self.transport.pause_reading()

    def resume_writing(self):
        self.transport.resume_reading()


class Echo(Stream):
    def data_received(self, data):
        self.transport.write(data)


class Delimited(Stream):
    def data_received(self, data):
        whole, newline, rest = data.rpartition(b"\n")
        if newline:
            lines = self.rest + whole + newline
            self.transport.write(lines.replace(b"\r\n", b"\n") if b"\r" in lines else lines)
            self.rest = rest
        else:
            self.rest += data
        if len(self.rest) > LONGEST:
            self.transport.close()

    def eof_received(self):
        if self.rest:
            self.transport.write(self.rest + b"\n")


class Chat(asyncio.Protocol):
    members = {}  # transports and their pending bytes
    waiting = False

    def connection_made(self, transport):
        self.transport = transport
        self.rest = b""
        self.name = None

    def data_received(self, data):
        data = self.rest + data if self.rest else data
        at = 0
        while len(data) - at >= HEADER:
            header = data[at : at + HEADER].strip(b" ")
            if not header.isdigit() or int(header) > LONGEST:
                return self.transport.close()
            end = at + HEADER + int(header)
            if len(data) < end:
                break
            message = data[at:end]
            at = end
            if self.name is None:
                self.name = message
                self.members[self.transport] = []
            else:
                self.say(self.name + message)
        self.rest = data[at:]

    def say(self, message):
        for transport, owed in self.members.items():
            if transport is not self.transport:
                owed.append(message)
        if not Chat.waiting:
            Chat.waiting = True
            asyncio.get_running_loop().call_soon(Chat.flush)

    # Write all messages of one turn of the loop to a member at once.
    @classmethod
    def flush(cls):
        cls.waiting = False
        for transport, owed in cls.members.items():
            if owed:
                transport.write(b"".join(owed))
                owed.clear()

    def connection_lost(self, _):
        self.members.pop(self.transport, None)


class Uppercase(asyncio.DatagramProtocol):
    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, sender):
        self.transport.sendto(data.upper(), sender)


async def read_lines(reader, writer):
    while line := await reader.readline():
        writer.write(line.removesuffix(b"\n").removesuffix(b"\r") + b"\n")
        await writer.drain()
    writer.close()


async def main():
    loop = asyncio.get_running_loop()
    if service == "uppercase":
        await loop.create_datagram_endpoint(Uppercase, sock=listen(socket.SOCK_DGRAM))
    elif mode == "streams":
        await asyncio.start_server(read_lines, sock=listen(socket.SOCK_STREAM), limit=LONGEST)
    else:
        protocol = {"echo": Echo, "delimited": Delimited, "chat": Chat}[service]
        await loop.create_server(protocol, sock=listen(socket.SOCK_STREAM), backlog=511)
    await asyncio.Event().wait()


if mode == "uvloop":
    import uvloop

    uvloop.run(main())
else:
    asyncio.run(main())
