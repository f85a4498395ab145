"""websocket_client.py URL: messages of many sizes there and back, in order, then a close with a code. Prints "whole"."""

import asyncio
import os
import sys

import websockets


async def talk(url):
    async with websockets.connect(url, max_size=None, compression=None) as socket:
        messages = [os.urandom(size) for size in (0, 1, 125, 126, 65535, 65536, 1_000_000)]
        messages += [f"text {i}" for i in range(200)]
        for message in messages:
            await socket.send(message)
        for message in messages:
            assert await socket.recv() == message
        pong = await socket.ping()
        await pong
        await socket.close(4001, "enough")
        assert socket.close_code == 4001
    print("whole")


asyncio.run(talk(sys.argv[1]))
