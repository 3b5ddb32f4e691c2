import asyncio
import sys


async def serve(reader, writer):
    while chunk := await reader.read(65536):
        writer.write(chunk)
    writer.close()


async def main():
    async with await asyncio.start_server(serve, "127.0.0.1", int(sys.argv[1])) as server:
        print("Listening at", server.sockets[0].getsockname())
        await server.serve_forever()


asyncio.run(main())
