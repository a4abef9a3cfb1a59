"""Uploads: an object becomes visible only once all of it has been uploaded."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterable, Callable, Iterable
from typing import Any, Protocol, TypeAlias, runtime_checkable

from lakeport.aio.frames import WriteFrame
from lakeport.v1 import files_pb2 as v1

CHUNK = 1 << 20
"""Maximum number of data bytes in one message of an upload."""


@runtime_checkable
class Readable(Protocol):
    """An object from which bytes can be read, such as a file."""

    def read(self, size: int, /) -> bytes:
        """Returns the next bytes, at most `size`. Returns none at the end."""
        ...


Data: TypeAlias = bytes | bytearray | memoryview | Readable | Iterable[bytes] | AsyncIterable[bytes]
"""Data that can be uploaded."""


def rewind(data: Data) -> Callable[[], bool]:
    """Returns a function that rewinds the data to its current position, and returns whether this succeeded.

    Data of an iterator cannot be rewound.
    """
    if isinstance(data, bytes | bytearray | memoryview):
        return lambda: True
    seek, tell = getattr(data, "seek", None), getattr(data, "tell", None)
    if not isinstance(data, Readable) or seek is None or tell is None:
        return lambda: False
    try:
        start = tell()
    except OSError:
        return lambda: False
    return lambda: seek(start) == start


async def messages(header: v1.WriteRequest, data: Data) -> AsyncGenerator[WriteFrame, None]:
    """Yields the messages of an upload. The last message publishes the object, so failing data publishes nothing."""
    head, last = header, None
    is_whole = isinstance(data, bytes | bytearray | memoryview)
    async with contextlib.aclosing(_parts(data)) as parts:
        async for part in parts:
            # The last part is held back until the next one arrives, so copy mutable buffers: the source may reuse them.
            view = part if is_whole else memoryview(part if isinstance(part, bytes) else bytes(part))
            for start in range(0, len(view), CHUNK):
                if last is not None:
                    yield WriteFrame(head, last)
                    head = v1.WriteRequest()
                last = view[start : start + CHUNK]
    head.finish_write = True
    yield WriteFrame(head, memoryview(b"") if last is None else last)


async def _parts(data: Data) -> AsyncGenerator[Any, None]:
    if isinstance(data, bytes | bytearray | memoryview):
        yield memoryview(data).cast("B")
    elif isinstance(data, Readable):
        async with contextlib.aclosing(_read(data)) as parts:
            async for part in parts:
                yield part
    elif isinstance(data, AsyncIterable):
        async for part in data:
            yield part
    else:
        # The iterator may block, and other tasks use the event loop.
        items, end = iter(data), object()
        while (item := await asyncio.to_thread(next, items, end)) is not end:
            yield item


async def _read(file: Readable) -> AsyncGenerator[bytes, None]:
    """Reads a file in chunks. The next chunk is read while the previous one is sent, because a file may be slow."""
    reading = asyncio.ensure_future(asyncio.to_thread(file.read, CHUNK))
    try:
        while part := await reading:
            reading = asyncio.ensure_future(asyncio.to_thread(file.read, CHUNK))
            yield part
        if part is None:
            message = "the file is non-blocking and has no data yet: pass a blocking file"
            raise BlockingIOError(message)
    finally:
        # The caller may close the file next, which must not happen during a read.
        await asyncio.wait([reading])
