"""Prefetches directory listings: a caller that queries the objects of a directory one by one causes a single listing."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from lakeport.errors import LakeportError, TimedOutError, UnavailableError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

MAX_ENTRIES = 1000
"""Maximum number of entries in a prefetched listing: those of one request to lakeFS."""
_LARGE_EXPIRY = 60.0
"""Seconds for which a larger directory is not listed again, and its objects are queried one by one."""


class Prefetcher:
    """Tracks which directories were queried recently."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._queried: dict[str, float] = {}
        self._large: dict[str, float] = {}
        self._in_flight: dict[tuple[int, str], asyncio.Future[bool]] = {}

    def record(self, folder: str) -> None:
        """Records a successful query for an object of the directory."""
        if len(self._queried) > MAX_ENTRIES:
            self._queried.clear()
        self._queried[folder] = time.monotonic()

    async def prefetch(self, folder: str, read: Callable[[], Awaitable[bool]]) -> bool:
        """Lists a directory if another of its objects was queried recently. Concurrent callers share one listing.

        `read` lists the directory, and returns whether the listing was complete. Returns whether this call began such a listing,
        which then also shows what does not exist.
        """
        now = time.monotonic()
        if now - self._queried.get(folder, -self._seconds) >= self._seconds or now < self._large.get(folder, 0.0):
            return False
        query = (id(asyncio.get_running_loop()), folder)
        is_first = query not in self._in_flight
        if is_first:
            reading = self._in_flight[query] = asyncio.ensure_future(self._read(query, read))
            # Retrieve the exception: all callers may have been cancelled.
            reading.add_done_callback(lambda task: task.cancelled() or task.exception())
        return await asyncio.shield(self._in_flight[query]) and is_first

    async def _read(self, query: tuple[int, str], read: Callable[[], Awaitable[bool]]) -> bool:
        is_complete = False
        try:
            is_complete = await read()
        except (TimedOutError, UnavailableError):
            # Another call would wait as long again.
            raise
        except LakeportError:
            # A caller without permission to list may still query single objects.
            pass
        finally:
            del self._in_flight[query]
            if not is_complete:
                if len(self._large) > MAX_ENTRIES:
                    self._large.clear()
                self._large[query[1]] = time.monotonic() + _LARGE_EXPIRY
        return is_complete
