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
"""The binary of the server."""


@dataclass(frozen=True)
class Lakefs:
    """A lakeFS, and an account on it that may do everything."""

    url: str
    key: str
    secret: str
    namespace: str
    """Below which repositories may have their storage namespaces."""


def _named() -> Lakefs | None:
    names = ("URL", "ACCESS_KEY_ID", "SECRET_ACCESS_KEY", "STORAGE_NAMESPACE")
    url, *others = (os.environ.get(f"LAKEPORT_TEST_LAKEFS_{name}", "") for name in names)
    if not url:
        return None
    assert all(others), f"the tests need all of LAKEPORT_TEST_LAKEFS_{', _'.join(names)}"
    return Lakefs(url, *others)


LAKEFS = _named()
"""The lakeFS that the environment names for the tests, instead of the lake of our own."""


@dataclass(frozen=True)
class Server:
    """A server that runs."""

    url: str
    rest: str
    """Where its lake answers lakeFS's REST API."""
    key: str
    secret: str
    process: subprocess.Popen[str]


def start(folder: Path, port: int = 0, lakefs: Lakefs | None = None) -> Server:
    """Starts a server at ports that are free, for a lakeFS, whose account acts for every caller, or with a lake of its own."""
    command = [SERVER, "--listen", f"127.0.0.1:{port}", "--admin-listen", "127.0.0.1:0", "--data-dir", str(folder)]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("LAKEPORT_")}
    if lakefs:
        command += ["--lakefs-url", lakefs.url, "--auth", "service"]
        environment |= {"LAKEPORT_LAKEFS_ACCESS_KEY_ID": lakefs.key, "LAKEPORT_LAKEFS_SECRET_ACCESS_KEY": lakefs.secret}
    else:
        command += ["--embedded-listen", "127.0.0.1:0"]
    log = (folder.parent / f"{folder.name}.log").open("w")
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True, env=environment)
    said: dict[str, str] = {}
    if process.stdout is None:
        raise AssertionError
    for line in process.stdout:
        words = line.split()
        if len(words) > 1:
            said[words[0]] = words[1]
        if words[:1] == ["try"]:
            break
    if lakefs:
        return Server(f"grpc://{said['gRPC']}", lakefs.url, lakefs.key, lakefs.secret, process)
    lake = lakectl(folder / "lake" / "lakectl.yaml")
    return Server(f"grpc://{said['gRPC']}", said["REST"].removesuffix("/api/v1"), *lake, process)


def started_by_clients(folder: Path) -> list[int]:
    """The processes of servers that clients have started, whose data is in a folder."""
    found = []
    for process in Path("/proc").iterdir():
        try:
            if process.name.isdigit() and f"--data-dir\0{folder}" in (process / "cmdline").read_text():
                found.append(int(process.name))
        except OSError:
            continue
    return found


def lakectl(path: Path) -> tuple[str, str]:
    """The key pair of a lake of its own."""
    lines = dict(line.strip().split(": ", 1) for line in path.read_text().splitlines() if ": " in line)
    return lines["access_key_id"].strip('"'), lines["secret_access_key"].strip('"')


def stop(server: Server) -> None:
    server.process.terminate()
    server.process.wait(60)


def wait_for(condition: Callable[[], bool], seconds: float = 30.0) -> None:
    """Until something holds."""
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "it did not come to hold"
        time.sleep(0.05)
