"""Runs coroutines on fsspec's event loop, for callers on threads without an event loop."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from typing import TYPE_CHECKING, Any, TypeVar

from fsspec.asyn import get_loop

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Coroutine, Iterator

T = TypeVar("T")


def run(coroutine: Coroutine[Any, Any, T], loop: asyncio.AbstractEventLoop | None = None) -> T:
    """Runs a coroutine on an event loop and waits for its result. If the wait is interrupted, the coroutine is cancelled."""
    if sys.is_finalizing():
        coroutine.close()
        message = "the Python interpreter is shutting down: no more calls are possible"
        raise RuntimeError(message)
    if loop is None:
        loop = get_loop()
    try:
        is_own = asyncio.get_running_loop() is loop
    except RuntimeError:
        is_own = False
    if is_own:
        coroutine.close()
        message = "a blocking call was made on the event loop that has to run it: await the asynchronous method instead"
        raise RuntimeError(message)
    future = asyncio.run_coroutine_threadsafe(coroutine, loop)
    try:
        return future.result()
    except BaseException:
        future.cancel()
        raise


def iterate(items: AsyncIterator[T], loop: asyncio.AbstractEventLoop | None = None) -> Iterator[T]:
    """Yields the items of an asynchronous iterator, each when the caller asks for it."""
    end = object()

    async def step() -> T | object:
        return await anext(items, end)

    try:
        while (item := run(step(), loop)) is not end:
            yield item  # type: ignore[misc]
    finally:
        close = getattr(items, "aclose", None)
        if close is not None and not sys.is_finalizing():
            # An error while closing must not replace the exception that is already propagating.
            with contextlib.suppress(Exception):
                run(close(), loop)
