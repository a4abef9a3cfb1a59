"""Uploads: nothing of an object is visible before all of it is there."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable
from typing import Protocol, TypeAlias, runtime_checkable

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


async def messages(header: v1.WriteRequest, data: Data) -> AsyncIterator[v1.WriteRequest]:
    """The messages of an upload. The last one publishes: data that fails to come never reaches it."""
    message, is_first = header, True
    async for piece in _pieces(data):
        if not is_first:
            yield message
            message = v1.WriteRequest()
        message.data, is_first = piece, False
    message.finish_write = True
    yield message


async def _pieces(data: Data) -> AsyncIterator[bytes]:
    async for part in _parts(data):
        view = memoryview(part).cast("B")
        for start in range(0, len(view), PIECE):
            yield bytes(view[start : start + PIECE])


async def _parts(data: Data) -> AsyncIterator[bytes]:
    if isinstance(data, bytes | bytearray | memoryview):
        # Without a copy: what slices it makes the bytes.
        yield memoryview(data)  # type: ignore[misc]
    elif isinstance(data, Readable):
        # A file may be slow, and others use the loop.
        while part := await asyncio.to_thread(data.read, PIECE):
            yield part
    elif isinstance(data, AsyncIterable):
        async for part in data:
            yield part
    else:
        for part in data:
            yield part
