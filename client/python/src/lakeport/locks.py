"""Locks on files, between processes. One is given back when its process ends, however it does."""

from __future__ import annotations

import contextlib
import sys
import time
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_PAUSE = 0.005
"""Seconds between two tries to take a lock."""

if sys.platform == "win32":
    import msvcrt

    _TRIES = 4
    """Who only asks holds it for a moment, so it is held by who holds it for longer."""

    def _try(file: IO[bytes], *, is_shared: bool = False) -> bool:
        del is_shared  # There are none.
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
        # Closing is not enough where this process was forked meanwhile: the copy in the child would hold it on.
        fcntl.flock(file, fcntl.LOCK_UN)


@contextlib.contextmanager
def held(path: Path, seconds: float) -> Iterator[None]:
    """Waits until nobody else holds it, and holds it. Who has waited for so long is told by a `TimeoutError`."""
    until = time.monotonic() + seconds
    with path.open("ab") as file:
        while not _try(file):
            if time.monotonic() > until:
                message = f"another process has held {path} for {seconds:.0f} s"
                raise TimeoutError(message)
            time.sleep(_PAUSE)
        try:
            yield
        finally:
            _release(file)


def is_held(path: Path) -> bool:
    """Whether somebody holds it. Who asks does not hold it to others who ask; who takes it at that moment may find it held."""
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
