"""Runs jobs for the benchmark of the clients, and measures them: `python -m bench.worker REPOSITORY`.

LAKEPORT_ENDPOINT has the URL of the server. Reads one job a line from standard input, and prints one outcome a line, both as JSON.
The benchmark is `bench` in the root of the project.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lakeport import aio

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

_PIECE = bytes(1 << 20)


@dataclass(frozen=True)
class Job:
    """Work to measure."""

    operation: str
    """stat, read or write."""
    path: str
    """Prefix of the paths: call n, counted from 0, uses the object PATH-n."""
    calls: int
    size: int
    """Size of each object, in bytes."""
    callers: int
    """Number of calls in flight at the same time."""

    async def run(self, files: aio.Files) -> dict[str, float]:
        """Sends the calls of the job, and returns the outcome. Each caller takes the next call."""
        began = time.perf_counter()
        numbers = iter(range(self.calls))

        async def caller() -> int:
            return sum([await self._call(files, f"{self.path}-{number}") for number in numbers])

        sizes = await asyncio.gather(*(caller() for _ in range(self.callers)))
        return {"seconds": time.perf_counter() - began, "bytes": sum(sizes)}

    async def _call(self, files: aio.Files, path: str) -> int:
        """Returns the size of the object."""
        if self.operation == "stat":
            return (await files.stat(path)).size_bytes
        if self.operation == "read":
            return sum([len(chunk) async for chunk in files.open_read(path)])
        # As in a program, only the bytes of a small object are in memory.
        data = _PIECE[: self.size] if self.size <= len(_PIECE) else self._pieces()
        return (await files.write(path, data, size=self.size)).size_bytes

    async def _pieces(self) -> AsyncIterator[bytes]:
        for start in range(0, self.size, len(_PIECE)):
            yield _PIECE[: self.size - start]


async def main() -> None:
    """Runs the jobs with one client, until they end."""
    async with aio.Client() as client:
        files = client.files(sys.argv[1], "main")
        for line in sys.stdin:
            print(json.dumps(await Job(**json.loads(line)).run(files)), flush=True)


if __name__ == "__main__":
    asyncio.run(main())
