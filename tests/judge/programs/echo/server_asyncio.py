"""An echo server with asyncio.

right
"""
import asyncio
import sys


async def serve(reader, writer):
    try:
        while chunk := await asyncio.wait_for(reader.read(4096), 5):
            writer.write(chunk)
            await asyncio.wait_for(writer.drain(), 5)
    except (OSError, asyncio.TimeoutError) as error:
        print("A client failed:", repr(error))
    finally:
        writer.close()


async def main():
    server = await asyncio.start_server(serve, "127.0.0.1", int(sys.argv[1]))
    print("Listening at %s:%d" % server.sockets[0].getsockname(), flush=True)
    await server.serve_forever()


asyncio.run(main())
