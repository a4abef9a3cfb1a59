"""Servers that tests start."""

from __future__ import annotations

import os
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

SERVER = os.environ.get("LAKEPORT_TEST_SERVER", str(Path(__file__).parents[3] / "target/debug/server-with-faults"))
"""Path of the server binary."""


@dataclass(frozen=True)
class Lakefs:
    """A lakeFS, and an account that has all permissions."""

    url: str
    key: str
    secret: str
    namespace: str
    """Parent of the storage namespaces of repositories."""


def _named() -> Lakefs | None:
    names = ("URL", "ACCESS_KEY_ID", "SECRET_ACCESS_KEY", "STORAGE_NAMESPACE")
    url, *others = (os.environ.get(f"LAKEPORT_TEST_LAKEFS_{name}", "") for name in names)
    if not url:
        return None
    assert all(others), f"set all of LAKEPORT_TEST_LAKEFS_{', _'.join(names)}"
    return Lakefs(url, *others)


LAKEFS = _named()
"""The lakeFS that the environment names for the tests, in place of the embedded lake."""


@dataclass(frozen=True)
class Server:
    """A running server."""

    url: str
    rest: str
    """Base URL of the REST API of its lake."""
    key: str
    secret: str
    process: subprocess.Popen[str]


def start(folder: Path, port: int = 0, lakefs: Lakefs | None = None) -> Server:
    """Starts a server on free ports, for a lakeFS, whose account all callers use, or with an embedded lake."""
    command = [SERVER, "--listen", f"127.0.0.1:{port}", "--admin-listen", "127.0.0.1:0", "--data-dir", str(folder)]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("LAKEPORT_")}
    if lakefs:
        command += ["--lakefs-url", lakefs.url, "--auth", "service"]
        environment |= {"LAKEPORT_LAKEFS_ACCESS_KEY_ID": lakefs.key, "LAKEPORT_LAKEFS_SECRET_ACCESS_KEY": lakefs.secret}
    else:
        command += ["--embedded-listen", "127.0.0.1:0"]
    log = (folder.parent / f"{folder.name}.log").open("w")
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True, env=environment)
    printed: dict[str, str] = {}
    if process.stdout is None:
        raise AssertionError
    for line in process.stdout:
        words = line.split()
        if len(words) > 1:
            printed[words[0]] = words[1]
        if words[:1] == ["try"]:
            break
    if lakefs:
        return Server(f"grpc://{printed['gRPC']}", lakefs.url, lakefs.key, lakefs.secret, process)
    lake = lakectl(folder / "lake" / "lakectl.yaml")
    return Server(f"grpc://{printed['gRPC']}", printed["REST"].removesuffix("/api/v1"), *lake, process)


def started_by_clients(folder: Path) -> list[int]:
    """Returns the process IDs of servers that clients have started and whose data is in a directory."""
    found = []
    for process in Path("/proc").iterdir():
        try:
            if process.name.isdigit() and f"--data-dir\0{folder}" in (process / "cmdline").read_text():
                found.append(int(process.name))
        except OSError:
            continue
    return found


def lakectl(path: Path) -> tuple[str, str]:
    """Returns the key pair of an embedded lake."""
    lines = dict(line.strip().split(": ", 1) for line in path.read_text().splitlines() if ": " in line)
    return lines["access_key_id"].strip('"'), lines["secret_access_key"].strip('"')


def stop(server: Server) -> None:
    server.process.terminate()
    server.process.wait(60)


def wait_for(condition: Callable[[], bool], seconds: float = 30.0) -> None:
    """Waits until a condition holds."""
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "the condition did not hold in time"
        time.sleep(0.05)
