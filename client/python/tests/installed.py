"""The wheels, installed in a new environment and used for a lakeFS without a running lakeport server.

Run this file explicitly, since it needs the wheels: LAKEPORT_TEST_WHEELS names their directory.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import servers

if TYPE_CHECKING:
    from collections.abc import Iterator

SCRIPT = """
import sys
import fsspec

fs = fsspec.filesystem("lakefs", host=sys.argv[1], username=sys.argv[2], password=sys.argv[3])
with fs.transaction("quickstart", "main") as tx:
    fs.pipe(f"quickstart/{tx.branch.id}/hello.txt", b"from a wheel")
assert fs.cat("quickstart/main/hello.txt") == b"from a wheel"
print(type(fs).__module__)
"""


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The `bin` directory of an environment with the wheels and their dependencies."""
    folder = tmp_path_factory.mktemp("fresh") / "environment"
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True, timeout=120)
    pip = [str(folder / "bin/python"), "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
    wheels = ["--find-links", os.environ["LAKEPORT_TEST_WHEELS"], "lakeport[server]"]
    subprocess.run([*pip, *wheels], check=True, timeout=300)
    return folder / "bin"


@pytest.fixture
def lake(fresh: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[servers.Server]:
    """An embedded lake in place of a lakeFS."""
    monkeypatch.setattr(servers, "SERVER", str(fresh / "lakeport-server"))
    running = servers.start(tmp_path / "lake")
    yield running
    servers.stop(running)


def test_script_runs_with_only_the_wheels_installed(fresh: Path, lake: servers.Server, tmp_path: Path) -> None:
    environment = {"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"}
    command = [str(fresh / "python"), "-c", SCRIPT, lake.rest, lake.key, lake.secret]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
    found = servers.started_by_clients(tmp_path / ".local")
    for process in found:
        os.kill(process, signal.SIGTERM)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "lakeport.spec"
    assert len(found) == 1
