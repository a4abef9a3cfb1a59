"""Uploads: nothing of an object is visible before all of it is there."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterable, Callable, Iterable
from typing import Any, Protocol, TypeAlias, runtime_checkable

from lakeport.aio.frames import Piece
from lakeport.v1 import files_pb2 as v1

PIECE = 1 << 20
"""Bytes of one message of an upload."""


@runtime_checkable
class Readable(Protocol):
    """Something to read bytes from, such as a file."""

    def read(self, size: int, /) -> bytes:
        """The next bytes, `size` at most; none at the end."""
        ...


Data: TypeAlias = bytes | bytearray | memoryview | Readable | Iterable[bytes] | AsyncIterable[bytes]
"""What can be uploaded."""


def rewind(data: Data) -> Callable[[], bool]:
    """Goes back to where the data begins, and says whether that can be done: what came from an iterator is gone."""
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


async def messages(header: v1.WriteRequest, data: Data) -> AsyncGenerator[Piece, None]:
    """The messages of an upload. The last one publishes: data that fails to come never reaches it."""
    head, last = header, None
    is_whole = isinstance(data, bytes | bytearray | memoryview)
    async with contextlib.aclosing(_parts(data)) as parts:
        async for part in parts:
            # What is held back until the next part is there must not change meanwhile, as a buffer that is used again.
            view = part if is_whole else memoryview(part if isinstance(part, bytes) else bytes(part))
            for start in range(0, len(view), PIECE):
                if last is not None:
                    yield Piece(head, last)
                    head = v1.WriteRequest()
                last = view[start : start + PIECE]
    head.finish_write = True
    yield Piece(head, memoryview(b"") if last is None else last)


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
        # What makes the parts may take long, and others use the loop.
        items, end = iter(data), object()
        while (item := await asyncio.to_thread(next, items, end)) is not end:
            yield item


async def _read(file: Readable) -> AsyncGenerator[bytes, None]:
    """A file may be slow: the next part is read while one is sent."""
    reading = asyncio.ensure_future(asyncio.to_thread(file.read, PIECE))
    try:
        while part := await reading:
            reading = asyncio.ensure_future(asyncio.to_thread(file.read, PIECE))
            yield part
        if part is None:
            message = "the file has nothing to read yet: it must not be one that does not wait"
            raise BlockingIOError(message)
    finally:
        # Whoever closes the file next must not do so amid a read.
        await asyncio.wait([reading])
