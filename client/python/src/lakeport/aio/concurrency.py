"""Work that is done at the same time, and ends together."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterable

T = TypeVar("T")


async def together(work: Iterable[Coroutine[Any, Any, T]], at_once: int) -> list[T]:
    """The results, in their order. Where one fails, the others are ended before that is told: nothing goes on behind it."""
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
        # Those that never began.
        for coroutine in coroutines:
            coroutine.close()
