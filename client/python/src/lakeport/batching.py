"""Questions that are asked at the same moment go to the server together."""

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


class Stats:
    """What objects are. Who asks in the same turn of the event loop shares a call, and who asks for the same an answer."""

    def __init__(self) -> None:
        self._waiting: dict[tuple[int, Place], Waiting] = {}
        self._running: set[asyncio.Task[None]] = set()

    async def stat(self, files: Files, key: str) -> v1.FileInfo:
        """What an object is. `NotFoundError` where there is none."""
        loop = asyncio.get_running_loop()
        turn = (id(loop), files.place)
        waiting = self._waiting.get(turn)
        if waiting is None:
            waiting = self._waiting[turn] = {}
            loop.call_soon(self._begin, turn, files)
        if key not in waiting:
            waiting[key] = loop.create_future()
        # Who is cancelled does not take the answer from the others.
        return await asyncio.shield(waiting[key])

    def _begin(self, turn: tuple[int, Place], files: Files) -> None:
        task = asyncio.get_running_loop().create_task(self._ask(files, self._waiting.pop(turn)))
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _ask(self, files: Files, waiting: Waiting) -> None:
        keys = list(waiting)
        try:
            found: Sequence[v1.FileInfo | Exception] = (
                [await files.stat(keys[0])] if len(keys) == 1 else await files.stat_many(keys)
            )
        except Exception as error:  # noqa: BLE001  (each of those who wait is told)
            found = [error] * len(keys)
        for key, answer in zip(keys, found, strict=True):
            future = waiting[key]
            if isinstance(answer, Exception):
                future.set_exception(_own(answer))
                # One that nobody waits for any more is not worth a word.
                future.exception()
            else:
                future.set_result(answer)


def _own(error: Exception) -> Exception:
    """An exception of one's own: each is given its path."""
    if isinstance(error, LakeportError):
        kind, said = error.__reduce__()
        return kind(*said)  # type: ignore[arg-type]
    return error
