"""Many cancelled calls, and what they leave behind."""

from __future__ import annotations

import asyncio
import gc
import os
import random
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    Call = Callable[[dict[str, Any]], Awaitable[dict[str, Any]]]

CHOSEN = int(os.environ.get("LAKEPORT_TEST_CANCELLATIONS", "0"))
"""Number of calls that the environment sets. It is set only if nothing else runs in this process."""

_SLACK = 8
"""File descriptors, threads and tasks that may come and go."""
_MEMORY_SLACK = 8 << 20
_MEMORY_SLACK_PER_CALL = 1 << 10


class _Usage(NamedTuple):
    """What this process uses."""

    files: int
    threads: int
    tasks: int
    memory: int

    @classmethod
    def now(cls) -> _Usage:
        gc.collect()
        status = Path("/proc/self/status").read_text(encoding="ascii")
        fields = dict(line.split(":", 1) for line in status.splitlines())
        return cls(
            files=len(os.listdir("/proc/self/fd")),
            threads=int(fields["Threads"]),
            tasks=len(asyncio.all_tasks()),
            memory=int(fields["VmRSS"].split()[0]) << 10,
        )

    def growth_since(self, before: _Usage, calls: int) -> list[str]:
        memory_slack = _MEMORY_SLACK + calls * _MEMORY_SLACK_PER_CALL
        slack = _Usage(_SLACK, _SLACK, _SLACK, memory_slack)
        return [name for name, value in self._asdict().items() if value > getattr(before, name) + getattr(slack, name)]


class Cancellations:
    """The step `cancel_repeatedly`."""

    def __init__(self, step: dict[str, Any], call: Call) -> None:
        self._step = step
        self._call = call
        self._times = CHOSEN or step["times"]
        self._left = 0
        self._cancelled = 0
        self._before: _Usage | None = None

    async def run(self) -> None:
        """Makes all calls. Raises the error of one that failed for another reason than its cancellation."""
        # The first calls fill buffers and pools.
        await self._repeat(self._times // 10)
        self._before = _Usage.now()
        self._cancelled = 0
        await self._repeat(self._times)
        assert self._cancelled > 0, "no call was cancelled"

    def result(self) -> dict[str, Any]:
        """Returns the result of the step, when no call is open."""
        growth: list[str] = []
        if CHOSEN and self._before is not None:
            now = _Usage.now()
            print(f"{self._times} cancelled calls: {self._before} became {now}")  # noqa: T201
            growth = now.growth_since(self._before, self._times)
        return {"cancelled": self._cancelled, "growth": growth}

    async def _repeat(self, times: int) -> None:
        self._left = times
        await asyncio.gather(*(self._worker() for _ in range(self._step["parallel"])))

    async def _worker(self) -> None:
        while self._left > 0:
            self._left -= 1
            task = asyncio.ensure_future(self._call(self._step["call"]))
            await asyncio.wait([task], timeout=random.uniform(0, self._step["after_ms"] / 1000))  # noqa: S311
            task.cancel()
            try:
                await task
            except asyncio.CancelledError:
                self._cancelled += 1
