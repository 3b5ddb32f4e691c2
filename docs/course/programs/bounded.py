import asyncio
import sys


async def serve(reader, writer):
    try:
        while chunk := await asyncio.wait_for(reader.read(65536), timeout=60):
            writer.write(chunk)
            await asyncio.wait_for(writer.drain(), timeout=60)
    except (TimeoutError, asyncio.TimeoutError, OSError) as error:
        print("Closed:", repr(error))
    finally:
        writer.close()


async def main():
    async with await asyncio.start_server(serve, "127.0.0.1", int(sys.argv[1])) as server:
        print("Listening at", server.sockets[0].getsockname())
        await server.serve_forever()


asyncio.run(main())
