"""Locks on files, between processes. One is given back when its process ends, however it does."""

from __future__ import annotations

import contextlib
import sys
import time
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

if sys.platform == "win32":
    import msvcrt

    def _try(file: IO[bytes]) -> bool:
        file.seek(0)
        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:
    import fcntl

    def _try(file: IO[bytes]) -> bool:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


@contextlib.contextmanager
def held(path: Path) -> Iterator[None]:
    """Waits until nobody else holds it, and holds it."""
    with path.open("ab") as file:
        while not _try(file):
            time.sleep(0.02)
        yield


def is_held(path: Path) -> bool:
    """Whether somebody holds it. Who takes it at the same moment finds it held."""
    try:
        file = path.open("r+b")
    except FileNotFoundError:
        return False
    with file:
        return not _try(file)
