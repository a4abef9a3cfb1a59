"""Looks up paths. Lookups of the same turn of the event loop share one call."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from lakeport.aio.concurrency import gather_limited
from lakeport.errors import DeniedError, LakeportError, NotFoundError
from lakeport.v1 import files_pb2 as v1

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lakeport.aio import Files
    from lakeport.aio.place import Place

Waiting = dict[str, "asyncio.Future[v1.FileInfo]"]


_CONCURRENCY = 32
"""Maximum number of concurrent listings of one batch."""


class Lookups:
    """Looks up objects and directories in batches.

    Lookups of the same turn of the event loop share a call. Lookups of the same path share a response.
    """

    def __init__(self) -> None:
        self._waiting: dict[tuple[int, Place], Waiting] = {}
        self._running: set[asyncio.Task[None]] = set()

    async def find(self, files: Files, key: str) -> v1.FileInfo:
        """Returns the object with a key, else the prefix of the objects below it. Raises `NotFoundError` if there is neither."""
        loop = asyncio.get_running_loop()
        turn = (id(loop), files.place)
        waiting = self._waiting.get(turn)
        if waiting is None:
            waiting = self._waiting[turn] = {}
            loop.call_soon(self._begin, turn, files)
        if key not in waiting:
            waiting[key] = loop.create_future()
        # Cancelling one caller must not cancel the request of the others.
        return await asyncio.shield(waiting[key])

    def _begin(self, turn: tuple[int, Place], files: Files) -> None:
        task = asyncio.get_running_loop().create_task(self._send(files, self._waiting.pop(turn)))
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _send(self, files: Files, waiting: Waiting) -> None:
        keys = list(waiting)
        try:
            found: Sequence[v1.FileInfo | Exception] = [await _one(files, keys[0])] if len(keys) == 1 else await _many(files, keys)
        except Exception as error:  # noqa: BLE001  (raised to every caller)
            found = [error] * len(keys)
        for key, result in zip(keys, found, strict=True):
            future = waiting[key]
            if isinstance(result, Exception):
                future.set_exception(_copy(result))
                # Mark the exception as retrieved: asyncio would log it if every caller was cancelled.
                future.exception()
            else:
                future.set_result(result)


async def has_prefix(files: Files, prefix: str) -> bool:
    """Returns whether an object has a prefix."""
    return await _first(files, prefix) is not None


async def _first(files: Files, prefix: str) -> v1.FileInfo | None:
    found = None
    # Read to the end, which `limit=1` brings close: an abandoned call would stay in flight.
    async for entry in files.list(prefix, limit=1):
        found = entry
    return found


async def _one(files: Files, key: str) -> v1.FileInfo:
    """Looks up a path with one request to lakeFS, or two if other names begin with the path.

    A listing returns an object as `stat` does, and also finds directories and missing paths with the same request.
    """
    try:
        first = await _first(files, key)
    except DeniedError:
        # The caller may have permission to read objects, but not to list them.
        return await files.stat(key)
    if first is not None and first.path == key:
        return first
    if first is not None and (first.path.startswith(f"{key}/") or await has_prefix(files, f"{key}/")):
        return _prefix(key)
    message = f"no object {key!r} and no object below it at {files.place}"
    raise NotFoundError(message, reason="OBJECT_NOT_FOUND")


async def _many(files: Files, keys: list[str]) -> list[v1.FileInfo | Exception]:
    async def checked(key: str, found: v1.FileInfo | LakeportError) -> v1.FileInfo | Exception:
        is_missing = isinstance(found, NotFoundError) and found.reason == "OBJECT_NOT_FOUND"
        return _prefix(key) if is_missing and await has_prefix(files, f"{key}/") else found

    found = await files.stat_many(keys)
    return await gather_limited((checked(*each) for each in zip(keys, found, strict=True)), _CONCURRENCY)


def _prefix(key: str) -> v1.FileInfo:
    return v1.FileInfo(path=f"{key}/", kind=v1.FILE_KIND_PREFIX)


def _copy(error: Exception) -> Exception:
    """Returns a copy of the exception: each caller sets its own path on it."""
    if isinstance(error, LakeportError):
        kind, arguments = error.__reduce__()
        return kind(*arguments)  # type: ignore[arg-type]
    return error
