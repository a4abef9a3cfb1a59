"""Runs coroutines with a limit on their concurrency."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterable

T = TypeVar("T")


async def gather_limited(work: Iterable[Coroutine[Any, Any, T]], at_once: int) -> list[T]:
    """Runs coroutines, at most `at_once` at the same time, and returns the results in their order.

    If one fails, cancels the others and waits for their end before it raises the error.
    """
    limit = asyncio.Semaphore(at_once)

    async def one(coroutine: Coroutine[Any, Any, T]) -> T:
        async with limit:
            return await coroutine

    coroutines = list(work)
    tasks = [asyncio.ensure_future(one(coroutine)) for coroutine in coroutines]
    try:
        return await asyncio.gather(*tasks)
    except BaseException:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        raise
    finally:
        # Close coroutines that never started.
        for coroutine in coroutines:
            coroutine.close()
