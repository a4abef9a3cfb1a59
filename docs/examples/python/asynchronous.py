"""Uses the client and the file system on an event loop."""

import asyncio

from lakeport import LakeFSFileSystem, aio


async def client() -> None:
    """Uses the client: many concurrent calls over one connection."""
    async with aio.Client() as lake:
        async with await lake.begin("quickstart", "main") as tx:
            await asyncio.gather(*(tx.write(f"async/{number}.txt", b"part") for number in range(50)))
        found = [entry.path async for entry in lake.files("quickstart", "main").list("async/")]
        assert len(found) == 50


async def file_system() -> None:
    """Uses the file system: the names of fsspec's asynchronous methods begin with an underscore."""
    fs = LakeFSFileSystem(asynchronous=True)
    async with fs.transaction("quickstart", "main") as tx:
        await fs._pipe_file(tx.path("async/one.txt"), b"1")
        async with await fs.open_async(tx.path("async/two.txt"), "wb") as file:
            await file.write(b"2")
    assert await fs._cat(["quickstart/main/async/one.txt", "quickstart/main/async/two.txt"]) == {
        "quickstart/main/async/one.txt": b"1",
        "quickstart/main/async/two.txt": b"2",
    }


asyncio.run(client())
asyncio.run(file_system())
