"""Support for forks. gRPC's threads do not exist in a forked process, where calls that wait for them would hang.

Idle connections are therefore closed before a fork, and the next call reopens them in both processes. If calls are in flight, they
continue in the parent, and calls in the child raise an error instead of hanging.
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
"""Part of the name of the thread on which gRPC polls for events."""
_NATIVE = {"event_engine", "grpc_global_tim", "lifeguard"}
"""Names of gRPC's native threads on Linux."""
_QUIET = 1.0
"""Seconds to wait for the end of these threads."""
_PATIENCE = 5.0
"""Timeout for closing a connection, in seconds."""


class Closes(Protocol):
    """Something that can be closed before a fork."""

    def close_before_fork(self) -> bool:
        """Closes the object. Returns whether that succeeded."""
        ...


_open: weakref.WeakSet[Closes] = weakref.WeakSet()
_lock = threading.Lock()
_cut_off: int | None = None
"""ID of the process that forked while calls were in flight."""
_kept: list[Closes] = []
"""Connections of that process, kept alive in its child."""


def close_before(channel: Closes) -> None:
    """Registers a channel, which is then closed before each fork."""
    with _lock:
        _open.add(channel)


def check() -> None:
    """Raises `UnavailableError` in a process that cannot use gRPC."""
    if _cut_off is not None and _cut_off != os.getpid():
        message = (
            "this process was forked while calls to lakeport were in flight, and cannot use gRPC: "
            'fork it before the first call, or start it with the "spawn" or "forkserver" method of multiprocessing'
        )
        raise UnavailableError(message)


def run(loop: asyncio.AbstractEventLoop, close: Callable[[], Coroutine[None, None, None]]) -> bool:
    """Runs a coroutine on the event loop of another thread, and waits for it.

    Returns False on the loop's own thread, which cannot wait, if the loop does not run, or if the coroutine fails or times out.
    """
    try:
        if asyncio.get_running_loop() is loop:
            return False
    except RuntimeError:
        pass
    if not loop.is_running():
        return False
    try:
        asyncio.run_coroutine_threadsafe(close(), loop).result(_PATIENCE)
    except Exception:  # noqa: BLE001  (after any error, the fork is unsafe but continues)
        return False
    return True


def _is_running() -> bool:
    if any(_POLLER in thread.name for thread in threading.enumerate()):
        return True
    # gRPC's other threads are native, so look for them in /proc.
    for task in Path("/proc/self/task").glob("*/comm"):
        with contextlib.suppress(OSError):
            if task.read_text().strip() in _NATIVE:
                return True
    return False


def _is_quiet() -> bool:
    """Waits until gRPC's threads have ended, with the last of its objects, and returns whether they have."""
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
    # A list, because `all` of a generator would stop at the first failure.
    closed = [channel.close_before_fork() for channel in channels]
    if channels and not (all(closed) and _is_quiet()):
        _cut_off = os.getpid()
    elif _cut_off == os.getpid():
        _cut_off = None


def _in_child() -> None:
    # Older versions of fsspec keep the parent's loop, whose thread does not exist here.
    fsspec.asyn.iothread[0] = fsspec.asyn.loop[0] = None
    if _cut_off is not None:
        # When these objects are deleted, gRPC would wait for its threads, which do not exist here.
        _kept.extend(_open)
    _lock.release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before, after_in_parent=_lock.release, after_in_child=_in_child)
