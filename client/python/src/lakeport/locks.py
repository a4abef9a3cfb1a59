"""File locks between processes. The operating system releases a lock when its process ends, in any way."""

from __future__ import annotations

import contextlib
import sys
import time
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_PAUSE = 0.005
"""Seconds between two attempts to take a lock."""

if sys.platform == "win32":
    import msvcrt

    _TRIES = 4
    """Attempts of `is_held`. Windows has no shared locks, so another `is_held` holds the lock for a moment."""

    def _try(file: IO[bytes], *, is_shared: bool = False) -> bool:
        del is_shared  # Windows has no shared locks.
        file.seek(0)
        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        except PermissionError:
            return False
        return True

    def _release(file: IO[bytes]) -> None:
        file.seek(0)
        msvcrt.locking(file.fileno(), msvcrt.LK_UNLCK, 1)

else:
    import fcntl

    _TRIES = 1

    def _try(file: IO[bytes], *, is_shared: bool = False) -> bool:
        try:
            fcntl.flock(file, (fcntl.LOCK_SH if is_shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _release(file: IO[bytes]) -> None:
        # Closing is not enough if this process has forked: the copy in the child would keep the lock.
        fcntl.flock(file, fcntl.LOCK_UN)


@contextlib.contextmanager
def held(path: Path, seconds: float) -> Iterator[None]:
    """Takes the lock for a block. Raises `TimeoutError` if another process holds the lock for `seconds`."""
    until = time.monotonic() + seconds
    with path.open("ab") as file:
        while not _try(file):
            if time.monotonic() > until:
                message = f"another process has held the lock {path} for {seconds:.0f} s"
                raise TimeoutError(message)
            time.sleep(_PAUSE)
        try:
            yield
        finally:
            _release(file)


def is_held(path: Path) -> bool:
    """Returns whether another process holds the lock.

    The check takes a shared lock for a moment. It does not disturb other checks, but a concurrent attempt to lock may fail.
    """
    try:
        file = path.open("r+b")
    except FileNotFoundError:
        return False
    with file:
        for turn in range(_TRIES):
            time.sleep(_PAUSE if turn else 0)
            if _try(file, is_shared=True):
                _release(file)
                return False
        return True
