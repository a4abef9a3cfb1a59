"""Who asks for the objects of a folder, one after the other, is told of all of them by one list."""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import TYPE_CHECKING

from lakeport.errors import LakeportError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

MOST = 1000
"""Entries of such a list: one request to lakeFS."""
_LARGE = 60.0
"""Seconds for which a folder that has more is not listed again: its objects are asked for one by one."""


class Neighbours:
    """Which folders were asked about lately."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._asked: dict[str, float] = {}
        self._large: dict[str, float] = {}
        self._under_way: dict[tuple[int, str], asyncio.Future[None]] = {}

    def note(self, folder: str) -> None:
        """One of its objects was asked for and answered."""
        if len(self._asked) > MOST:
            self._asked.clear()
        self._asked[folder] = time.monotonic()

    async def list_once(self, folder: str, read: Callable[[], Awaitable[bool]]) -> None:
        """Lists a folder if the object before was of it, too; once, however many ask. `read` says whether that was all of it."""
        now = time.monotonic()
        if now - self._asked.get(folder, -self._seconds) >= self._seconds or now < self._large.get(folder, 0.0):
            return
        asked = (id(asyncio.get_running_loop()), folder)
        if asked not in self._under_way:
            self._under_way[asked] = asyncio.ensure_future(self._read(asked, read))
        await asyncio.shield(self._under_way[asked])

    async def _read(self, asked: tuple[int, str], read: Callable[[], Awaitable[bool]]) -> None:
        is_worth_it = False
        try:
            # Who may not list may still ask for one object.
            with contextlib.suppress(LakeportError):
                is_worth_it = await read()
        finally:
            del self._under_way[asked]
            if not is_worth_it:
                if len(self._large) > MOST:
                    self._large.clear()
                self._large[asked[1]] = time.monotonic() + _LARGE
