"""Downloads, which resume after a lost connection."""

from __future__ import annotations

import asyncio
import contextlib
import copy
from typing import TYPE_CHECKING

from lakeport.aio.channel import Progress
from lakeport.errors import CorruptError, LakeportError, UnavailableError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator

    from lakeport.aio.channel import Channel
    from lakeport.v1 import files_pb2 as v1

_TRIES = 5
"""Maximum number of consecutive resumptions without progress."""
_PAUSE = 0.1
"""Seconds before the second consecutive resumption. The pause grows with each further one."""
_RESUMED = {None, "LAKEFS_UNAVAILABLE", "SHUTTING_DOWN", "READER_STALLED"}
"""Reasons of failures after which a download is resumed; `None` is a lost connection."""


class Download:
    """A streaming download: the bytes of an object, in order. Each chunk is checked, and an incomplete download raises an error."""

    def __init__(self, channel: Channel, request: v1.ReadRequest) -> None:
        self._channel = channel
        self._request = copy.deepcopy(request)
        self._info: v1.FileInfo | None = None
        self._next: int | None = None
        self._left: int | None = None
        self._progress = Progress()

    @property
    def info(self) -> v1.FileInfo:
        """Metadata of the object, available once the first chunk has been read. Before that, access raises `RuntimeError`."""
        if self._info is None:
            message = "the metadata is not available before the first chunk has been read"
            raise RuntimeError(message)
        return self._info

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Yields the remaining bytes in chunks."""
        async with contextlib.aclosing(self.views()) as views:
            async for view in views:
                yield bytes(view)

    async def views(self) -> AsyncGenerator[memoryview, None]:
        """Like iteration, but does not copy the bytes."""
        tries, self._progress = 0, Progress()
        if self._left == 0:
            return
        # Continue where an earlier iteration stopped.
        self._resume()
        while True:
            before = self._next
            try:
                async with contextlib.aclosing(self._pieces()) as views:
                    async for view in views:
                        yield view
                        self._progress.made()
            except LakeportError as error:
                tries = tries + 1 if self._next == before else 1
                pause = _PAUSE * (tries - 1)
                if not self._may_resume(error) or tries > _TRIES or self._channel.is_over(self._progress, pause):
                    raise
                await asyncio.sleep(pause)
            else:
                return
            if self._left == 0:
                return
            self._resume()

    async def _pieces(self) -> AsyncGenerator[memoryview, None]:
        responses = self._channel.stream(lambda to: to.read(self._request, **to.long), progress=self._progress)
        async with contextlib.aclosing(responses):
            async for message, data in responses:
                if message.HasField("info") and self._info is None:
                    self._began(message)
                if self._next is None or self._left is None:
                    error = "the server sent data before the metadata of the object"
                    raise CorruptError(error)
                if data:
                    self._check(message.offset, len(data))
                    self._next += len(data)
                    self._left -= len(data)
                    yield data
        if self._left:
            error = f"the response ended {self._left} bytes too early"
            raise UnavailableError(error)

    def _began(self, message: v1.ReadResponse) -> None:
        size, limit = message.info.size_bytes, self._request.read_limit
        self._info, self._next = message.info, message.offset
        self._left = min(size - message.offset, limit) if limit else size - message.offset

    def _check(self, offset: int, size: int) -> None:
        if offset != self._next:
            error = f"the server sent data at offset {offset}, but offset {self._next} comes next"
            raise CorruptError(error)
        if self._left is not None and size > self._left:
            error = "the server sent more bytes than it announced"
            raise CorruptError(error)

    def _may_resume(self, error: LakeportError) -> bool:
        return isinstance(error, UnavailableError) and error.reason in _RESUMED

    def _resume(self) -> None:
        """Prepares the request for the rest of the same version. The server rejects it if the object has been replaced."""
        if self._info is None:
            return
        self._request.read_offset = self._next or 0
        self._request.read_limit = self._left or 0
        self._request.if_match = self._info.etag
        self._request.if_none_match = ""
