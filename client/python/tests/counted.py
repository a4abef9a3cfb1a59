"""A lake that counts what it is asked."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

LAKE = os.environ.get("LAKEPORT_TEST_LAKE", str(Path(__file__).parents[3] / "target/debug/counted-lake"))
"""Its binary."""


@dataclass(frozen=True)
class CountedLake:
    """A lake that runs."""

    url: str
    key: str
    secret: str
    process: subprocess.Popen[str]

    @classmethod
    def start(cls, folder: Path, milliseconds: int = 0) -> CountedLake:
        """Each answer comes so much later."""
        command = [LAKE, str(folder), str(milliseconds)]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        url, key, secret = _line(process).split()
        return cls(url, key, secret, process)

    def count(self) -> int:
        """How many requests there were since this was asked last."""
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
