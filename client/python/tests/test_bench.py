"""The worker of the benchmark of the clients."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from servers import Server

PACKAGE = Path(__file__).parents[1]


def _run(server: Server, repo: str, *operations: str) -> subprocess.CompletedProcess[str]:
    """Runs the worker with jobs for three objects of 3 MB."""
    jobs = [json.dumps({"operation": name, "path": "a", "calls": 3, "size": 3_000_000, "callers": 2}) for name in operations]
    return subprocess.run(
        [sys.executable, "-m", "bench.worker", repo],
        cwd=PACKAGE,
        env={**os.environ, "LAKEPORT_ENDPOINT": server.url},
        input="\n".join(jobs),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_each_job_has_an_outcome(server: Server, repo: str) -> None:
    done = _run(server, repo, "write", "stat", "read")
    assert done.returncode == 0, done.stderr
    outcomes = [json.loads(line) for line in done.stdout.splitlines()]
    assert [outcome["bytes"] for outcome in outcomes] == [9_000_000] * 3
    assert all(outcome["seconds"] > 0 for outcome in outcomes)


def test_a_failed_call_ends_the_worker(server: Server, repo: str) -> None:
    done = _run(server, repo, "read")
    assert done.returncode == 1
    assert "NotFoundError" in done.stderr
