import asyncio
import sys

SECONDS = int(sys.argv[2])


async def serve(reader, writer):
    try:
        while chunk := await asyncio.wait_for(reader.read(65536), SECONDS):
            writer.write(chunk)
            await asyncio.wait_for(writer.drain(), SECONDS)
        writer.close()
        await asyncio.wait_for(writer.wait_closed(), SECONDS)
    except (asyncio.TimeoutError, OSError) as error:
        print("Closed:", repr(error))
        writer.transport.abort()  # close() would first wait until the client has read.


async def main():
    async with await asyncio.start_server(serve, "127.0.0.1", int(sys.argv[1])) as server:
        print("Listening at", server.sockets[0].getsockname())
        await server.serve_forever()


asyncio.run(main())
