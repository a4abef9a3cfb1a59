"""Runs scripts in separate processes."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from servers import started_by_clients, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator

_KEPT = ("PATH", "PYTHONPATH", "LANG", "LD_LIBRARY_PATH", "VIRTUAL_ENV")
_UNREACHABLE = "http://127.0.0.1:9"


def run(script: Path, home: Path, **environment: str) -> str:
    """Runs a script that only knows the given environment. Returns its standard output."""
    known = {name: os.environ[name] for name in _KEPT if name in os.environ}
    known |= {"HOME": str(home), "HF_HOME": str(home / "hf"), "HF_ENDPOINT": _UNREACHABLE, "HF_HUB_DISABLE_TELEMETRY": "1"}
    command = [sys.executable, str(script)]
    done = subprocess.run(command, cwd=home, env=known | environment, text=True, capture_output=True, check=False, timeout=180)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout


@contextlib.contextmanager
def local_servers() -> Iterator[dict[str, str]]:
    """Directory for servers that a script starts. The servers are stopped at the end of the block."""
    # Paths of sockets must be short.
    with tempfile.TemporaryDirectory(prefix="lp") as folder:
        try:
            yield {"XDG_STATE_HOME": folder}
        finally:
            found = started_by_clients(Path(folder))
            for process in found:
                os.kill(process, signal.SIGTERM)
            wait_for(lambda: not started_by_clients(Path(folder)))
        assert found, "no server was started"
