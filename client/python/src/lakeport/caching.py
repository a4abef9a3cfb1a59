"""A cache of object metadata and directory listings.

Entries at a commit ID never expire. Entries on branches and tags expire after a short time: a library that asks for the same
metadata five times before a read causes one request. A write through the file system removes the affected entries at once. Nothing
is cached in transactions.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, MutableMapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

V = TypeVar("V")
Info = dict[str, Any]

_MAX_LISTING = 5_000
"""Maximum number of entries in a cached listing."""
_MAX_NEW = 1_000
"""Maximum number of created directories that are remembered."""
_NEVER = float("inf")


@dataclass
class _Table(Generic[V]):
    capacity: int
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
        while len(self.entries) > self.capacity:
            # Remove the oldest entry: a dict keeps the order of insertion.
            self.entries.pop(next(iter(self.entries)), None)

    def drop_below(self, prefix: str) -> None:
        for name in [name for name in self.entries if name.startswith(prefix)]:
            self.entries.pop(name, None)


def with_slashes(infos: list[Info]) -> list[Info]:
    """Returns entries with the names of lakefs-spec: those of directories end with a slash."""
    return [{**info, "name": f"{info['name']}/"} if info["type"] == "directory" else info for info in infos]


class Cache:
    """Metadata of objects and directories by name, and listings by directory name."""

    def __init__(self, seconds: float, capacity: int = 20_000) -> None:
        self.seconds = seconds
        """Lifetime of entries on branches and tags, in seconds."""
        self._infos: _Table[Info] = _Table(capacity)
        self._listings: _Table[list[Info]] = _Table(1_000)
        self._new: dict[str, None] = {}
        self._lock = threading.Lock()
        self.generation = 0
        """Number of writes. A response to a request from before a write is not cached: it may not contain that write."""

    def info(self, name: str) -> Info | None:
        """Returns the cached metadata of an object or a directory, or None."""
        with self._lock:
            found = self._infos.get(name)
        # Entries are copied in and out, so that changes by callers do not change the cache.
        return None if found is None else dict(found)

    def add_new(self, name: str) -> None:
        """Remembers a directory that `mkdir` created. The next write at or below it ends this."""
        with self._lock:
            self._new[name] = None
            while len(self._new) > _MAX_NEW:
                self._new.pop(next(iter(self._new)))

    def is_new(self, name: str) -> bool:
        """Returns whether a directory was created, and nothing was written to it since then."""
        with self._lock:
            return name in self._new

    def has_listing(self, name: str) -> bool:
        """Returns whether a listing of a directory is cached."""
        with self._lock:
            return self._listings.get(name) is not None

    def listing(self, name: str) -> list[Info] | None:
        """Returns the cached listing of a directory, or None."""
        with self._lock:
            found = self._listings.get(name)
        return None if found is None else [dict(info) for info in found]

    def listings(self) -> list[str]:
        """Returns the names of the directories whose listings are cached."""
        with self._lock:
            return [name for name in list(self._listings.entries) if self._listings.get(name) is not None]

    def forget_listing(self, name: str) -> None:
        """Removes the listing of a directory."""
        with self._lock:
            self._listings.entries.pop(name, None)

    def put(self, infos: list[Info], generation: int, folder: str | None = None) -> None:
        """Caches metadata and, if `folder` is given, the complete listing of that directory."""
        if not infos and folder is None:
            return
        is_fixed = bool(infos) and all("commit" in info or info["type"] == "directory" for info in infos)
        is_fixed = is_fixed and any("commit" in info for info in infos)
        if self.seconds <= 0 and not is_fixed:
            return
        until = _NEVER if is_fixed else time.monotonic() + self.seconds
        with self._lock:
            if generation != self.generation:
                return
            # An object precedes a directory with its name.
            for info in sorted(infos, key=lambda info: bool(info["type"] == "file")):
                self._infos.put(info["name"], until, dict(info))
            if folder is not None and len(infos) <= _MAX_LISTING:
                self._listings.put(folder, until, [dict(info) for info in infos])

    def forget(self, name: str) -> None:
        """Removes the metadata of an object that was written, and of all directories above it, with their listings."""
        with self._lock:
            self.generation += 1
            self._infos.entries.pop(name, None)
            self._new.pop(name, None)
            while "/" in name:
                name = name.rpartition("/")[0]
                self._new.pop(name, None)
                self._infos.entries.pop(name, None)
                self._listings.entries.pop(name, None)

    def forget_below(self, name: str) -> None:
        """Like `forget`, and also removes everything below the name."""
        self.forget(name)
        with self._lock:
            name = name.rstrip("/")
            # Also remove entries of expressions over this ref, such as `main@` and `main~1`.
            for below in [f"{name}{sign}" for sign in "/@~^"] if name else [""]:
                self._infos.drop_below(below)
                self._listings.drop_below(below)
                for created in [created for created in self._new if created.startswith(below)]:
                    del self._new[created]
            self._listings.entries.pop(name, None)


class DirCache(MutableMapping[str, list[Info]]):
    """The cached listings by directory, as `fs.dircache` of fsspec: `ls` fills it, and writes and expiry remove entries."""

    def __init__(self, cache: Cache) -> None:
        self._cache = cache

    def __getitem__(self, name: str) -> list[Info]:
        found = self._cache.listing(name)
        if found is None:
            raise KeyError(name)
        return with_slashes(found)

    def __setitem__(self, name: str, infos: list[Info]) -> None:
        self._cache.put([{**info, "name": info["name"].rstrip("/")} for info in infos], self._cache.generation, name)

    def __delitem__(self, name: str) -> None:
        if name not in self:
            raise KeyError(name)
        self._cache.forget_listing(name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._cache.listings())

    def __len__(self) -> int:
        return len(self._cache.listings())
