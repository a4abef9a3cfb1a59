"""Forks: gRPC's threads do not live on in a forked process, and what waits for them waits for ever.

So connections that nobody uses are closed right before a fork, and opened again by the next call, on both sides. Where calls are
under way, they go on in the parent, and the child says what is wrong instead of waiting.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import threading
import time
import weakref
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import fsspec.asyn

from lakeport.errors import UnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

_POLLER = "_poll_wrapper"
"""In the name of the thread on which gRPC waits for what happens."""
_NATIVE = {"event_engine", "grpc_global_tim", "lifeguard"}
"""Names of others, as Linux has them."""
_QUIET = 1.0
"""Seconds within which they end."""
_PATIENCE = 5.0
"""Seconds within which a connection is closed."""


class Closes(Protocol):
    """Something that can be closed before a fork."""

    def close_before_fork(self) -> bool:
        """Whether that worked."""
        ...


_open: weakref.WeakSet[Closes] = weakref.WeakSet()
_lock = threading.Lock()
_cut_off: int | None = None
"""The process in which calls were under way when it was forked."""
_kept: list[Closes] = []
"""Connections of that process, in its child."""


def close_before(channel: Closes) -> None:
    """Has it closed before each fork."""
    with _lock:
        _open.add(channel)


def check() -> None:
    """Raises in a process that cannot use gRPC."""
    if _cut_off is not None and _cut_off != os.getpid():
        message = (
            "this process was forked while calls to lakeport were under way, and gRPC cannot go on in it: "
            'start it before the first call, or by multiprocessing\'s "spawn" or "forkserver"'
        )
        raise UnavailableError(message)


def run(loop: asyncio.AbstractEventLoop, close: Callable[[], Coroutine[None, None, None]]) -> bool:
    """Runs a coroutine on the loop of another thread, for a moment. False on the loop's own thread, which cannot wait."""
    try:
        if asyncio.get_running_loop() is loop:
            return False
    except RuntimeError:
        pass
    if not loop.is_running():
        return False
    try:
        asyncio.run_coroutine_threadsafe(close(), loop).result(_PATIENCE)
    except Exception:  # noqa: BLE001  (whatever it was: the fork is not safe, and goes on)
        return False
    return True


def _is_running() -> bool:
    if any(_POLLER in thread.name for thread in threading.enumerate()):
        return True
    # Its other threads are not Python's.
    for task in Path("/proc/self/task").glob("*/comm"):
        with contextlib.suppress(OSError):
            if task.read_text().strip() in _NATIVE:
                return True
    return False


def _is_quiet() -> bool:
    """Whether gRPC's threads are gone: they end with the last of its objects, and calls that were cancelled end a moment later."""
    until = time.monotonic() + _QUIET
    while _is_running():
        gc.collect()
        if time.monotonic() > until:
            return False
        time.sleep(0.005)
    return True


def _before() -> None:
    global _cut_off  # noqa: PLW0603
    _lock.acquire()
    channels = list(_open)
    # Not `all` of a generator: each of them has to be closed.
    closed = [channel.close_before_fork() for channel in channels]
    if channels and not (all(closed) and _is_quiet()):
        _cut_off = os.getpid()
    elif _cut_off == os.getpid():
        _cut_off = None


def _in_child() -> None:
    # Older fsspec keeps the loop of the parent, whose thread is not here.
    fsspec.asyn.iothread[0] = fsspec.asyn.loop[0] = None
    if _cut_off is not None:
        # gRPC would look for its threads as these objects go, and not find them.
        _kept.extend(_open)
    _lock.release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before, after_in_parent=_lock.release, after_in_child=_in_child)
