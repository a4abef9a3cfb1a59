"""A lake that counts its requests."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

LAKE = os.environ.get("LAKEPORT_TEST_LAKE", str(Path(__file__).parents[3] / "target/debug/counted-lake"))
"""Path of its binary."""


@dataclass(frozen=True)
class CountedLake:
    """A running lake."""

    url: str
    key: str
    secret: str
    process: subprocess.Popen[str]

    @classmethod
    def start(cls, folder: Path, milliseconds: int = 0) -> CountedLake:
        """Starts a lake whose responses are delayed by this number of milliseconds."""
        command = [LAKE, str(folder), str(milliseconds)]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        url, key, secret = _line(process).split()
        return cls(url, key, secret, process)

    def count(self) -> int:
        """Returns the number of requests since the previous call."""
        if self.process.stdin is None:
            raise AssertionError
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return int(_line(self.process))

    def stop(self) -> None:
        if self.process.stdin is not None:
            self.process.stdin.close()
        self.process.wait(60)


def _line(process: subprocess.Popen[str]) -> str:
    if process.stdout is None:
        raise AssertionError
    return process.stdout.readline()
