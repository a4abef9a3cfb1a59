"""What was told about objects and folders, for as long as it is true enough.

At a commit ID it is true for ever. On branches and tags it is kept for a moment, so that a library which asks five times before it
reads costs one request; a write of this file system's own is seen at once. In transactions nothing is kept.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

V = TypeVar("V")
Info = dict[str, Any]

_LONGEST = 5_000
"""Entries of a listing that is kept."""
_FOR_EVER = float("inf")


@dataclass
class _Table(Generic[V]):
    most: int
    entries: dict[str, tuple[float, V]] = field(default_factory=dict)

    def get(self, name: str) -> V | None:
        found = self.entries.get(name)
        if found is None:
            return None
        if found[0] < time.monotonic():
            self.entries.pop(name, None)
            return None
        return found[1]

    def put(self, name: str, until: float, value: V) -> None:
        self.entries.pop(name, None)
        self.entries[name] = (until, value)
        while len(self.entries) > self.most:
            # The oldest: a dict keeps the order of insertion.
            self.entries.pop(next(iter(self.entries)), None)

    def drop_below(self, prefix: str) -> None:
        for name in [name for name in self.entries if name.startswith(prefix)]:
            self.entries.pop(name, None)


class Cache:
    """Objects by their names, and listings by the names of their folders."""

    def __init__(self, seconds: float, most: int = 20_000) -> None:
        self.seconds = seconds
        """For which what was told of a branch is kept."""
        self._infos: _Table[Info] = _Table(most)
        self._listings: _Table[list[Info]] = _Table(1_000)
        self._lock = threading.Lock()
        self.generation = 0
        """Grows with each write. An answer to a question of an older generation is not kept: it may not know that write."""

    def info(self, name: str) -> Info | None:
        """What an object is, if that is known."""
        with self._lock:
            found = self._infos.get(name)
        # Copies go in and out: what callers do to theirs is their business.
        return None if found is None else dict(found)

    def listing(self, name: str) -> list[Info] | None:
        """What is in a folder, if that is known."""
        with self._lock:
            found = self._listings.get(name)
        return None if found is None else [dict(info) for info in found]

    def keep(self, infos: list[Info], generation: int, folder: str | None = None) -> None:
        """Keeps what was told, of objects and (with its name) of the folder that they are all of."""
        if not infos and folder is None:
            return
        is_fixed = bool(infos) and all("commit" in info or info["type"] == "directory" for info in infos)
        is_fixed = is_fixed and any("commit" in info for info in infos)
        if self.seconds <= 0 and not is_fixed:
            return
        until = _FOR_EVER if is_fixed else time.monotonic() + self.seconds
        with self._lock:
            if generation != self.generation:
                return
            for info in infos:
                if info["type"] == "file":
                    self._infos.put(info["name"], until, dict(info))
            if folder is not None and len(infos) <= _LONGEST:
                self._listings.put(folder, until, [dict(info) for info in infos])

    def forget(self, name: str) -> None:
        """What this file system wrote is asked anew, and so are the folders that it is in."""
        with self._lock:
            self.generation += 1
            self._infos.entries.pop(name, None)
            while "/" in name:
                name = name.rpartition("/")[0]
                self._listings.entries.pop(name, None)

    def forget_below(self, name: str) -> None:
        """As `forget`, with all that is below it."""
        self.forget(name)
        with self._lock:
            name = name.rstrip("/")
            # And at what is said by way of it: `main@`, `main~1`.
            for below in [f"{name}{sign}" for sign in "/@~^"] if name else [""]:
                self._infos.drop_below(below)
                self._listings.drop_below(below)
            self._listings.entries.pop(name, None)
