"""Waiting, from a thread without an event loop, for what happens on fsspec's."""

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
    """Waits for a coroutine on that loop. Whoever stops waiting, as by an interrupt, stops it too."""
    if sys.is_finalizing():
        coroutine.close()
        message = "the process ends: nothing can be called any more"
        raise RuntimeError(message)
    if loop is None:
        loop = get_loop()
    try:
        is_own = asyncio.get_running_loop() is loop
    except RuntimeError:
        is_own = False
    if is_own:
        coroutine.close()
        message = "a call that waits was made on the event loop that it would wait for: await the asynchronous one"
        raise RuntimeError(message)
    future = asyncio.run_coroutine_threadsafe(coroutine, loop)
    try:
        return future.result()
    except BaseException:
        future.cancel()
        raise


def iterate(items: AsyncIterator[T], loop: asyncio.AbstractEventLoop | None = None) -> Iterator[T]:
    """The items of an asynchronous iterator, as they are asked for."""
    end = object()

    async def step() -> T | object:
        return await anext(items, end)

    try:
        while (item := run(step(), loop)) is not end:
            yield item  # type: ignore[misc]
    finally:
        close = getattr(items, "aclose", None)
        if close is not None and not sys.is_finalizing():
            # What is on its way out already is not to be replaced by what its end says.
            with contextlib.suppress(Exception):
                run(close(), loop)
