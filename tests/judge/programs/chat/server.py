"""The chat with asyncio: each member has a task, and a queue that has an end.

right
"""
import asyncio
import re
import sys

LIMIT = 1024 * 1024
members = {}


async def receive(reader, timeout):
    header = await asyncio.wait_for(reader.readexactly(10), timeout)
    if not re.fullmatch(rb" *[0-9]+ *", header) or int(header) > LIMIT:
        raise ValueError(f"expected a length, got {header!r}")
    return (await asyncio.wait_for(reader.readexactly(int(header)), 5)).decode("utf-8")


def headed(text):
    data = text.encode("utf-8")
    return b"%-10d" % len(data) + data


async def serve(reader, writer):
    try:
        name = await receive(reader, 5)
        if not name.strip() or not name.isprintable() or len(name) > 64:
            raise ValueError(f"expected a name, got {name!r}")
        members[writer] = name
        while True:
            message = headed(name) + headed(await receive(reader, None))
            for other in list(members):
                if other is writer:
                    continue
                if other.transport.get_write_buffer_size() > LIMIT:
                    print("too slow:", members.pop(other))
                    other.transport.abort()
                else:
                    other.write(message)
    except (OSError, EOFError, ValueError, asyncio.TimeoutError) as error:
        print("A member left:", repr(error))
    finally:
        members.pop(writer, None)
        writer.close()


async def main():
    server = await asyncio.start_server(serve, "127.0.0.1", int(sys.argv[1]))
    print("Listening at %s:%d" % server.sockets[0].getsockname(), flush=True)
    await server.serve_forever()


asyncio.run(main())
