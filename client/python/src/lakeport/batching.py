"""Combines stat requests of the same turn of the event loop into one call."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from lakeport.errors import LakeportError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lakeport.aio import Files
    from lakeport.aio.place import Place
    from lakeport.v1 import files_pb2 as v1

Waiting = dict[str, "asyncio.Future[v1.FileInfo]"]


class StatBatcher:
    """Requests object metadata in batches.

    Requests of the same turn of the event loop share a call. Requests for the same object share a response.
    """

    def __init__(self) -> None:
        self._waiting: dict[tuple[int, Place], Waiting] = {}
        self._running: set[asyncio.Task[None]] = set()

    async def stat(self, files: Files, key: str) -> v1.FileInfo:
        """Returns the metadata of an object. Raises `NotFoundError` if it does not exist."""
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
            found: Sequence[v1.FileInfo | Exception] = (
                [await files.stat(keys[0])] if len(keys) == 1 else await files.stat_many(keys)
            )
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


def _copy(error: Exception) -> Exception:
    """Returns a copy of the exception: each caller sets its own path on it."""
    if isinstance(error, LakeportError):
        kind, arguments = error.__reduce__()
        return kind(*arguments)  # type: ignore[arg-type]
    return error
