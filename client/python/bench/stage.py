"""The environment of the benchmarks: a lake with delayed responses, and a lakeport server in front of it."""

from __future__ import annotations

import os
import resource
import subprocess
from dataclasses import dataclass
from pathlib import Path

import fsspec
import lakefs_spec
import urllib3

import lakeport

LATE = 5
"""Delay of each response of the lake, in milliseconds."""


@dataclass
class Stage:
    """The clients to compare, and their servers."""

    lake: subprocess.Popen[str]
    server: subprocess.Popen[str]
    rest: str
    pair: tuple[str, str]
    ours: lakeport.LakeFSFileSystem
    theirs: lakefs_spec.LakeFSFileSystem

    @classmethod
    def set(cls, binaries: Path, folder: Path) -> Stage:
        """Starts a lake and a server in a directory."""
        lake = _start([str(binaries / "counted-lake"), str(folder / "lake"), str(LATE)])
        rest, key, secret = _line(lake).split()
        environment = {
            **os.environ,
            "LAKEPORT_LAKEFS_ACCESS_KEY_ID": key,
            "LAKEPORT_LAKEFS_SECRET_ACCESS_KEY": secret,
            "LAKEPORT_LOG": "warn",
        }
        command = [str(binaries / "lakeport-server"), "--lakefs-url", rest, "--data-dir", str(folder / "server")]
        server = _start([*command, "--listen", "127.0.0.1:0", "--admin-listen", "off"], environment)
        while not (line := _line(server)).strip().startswith("gRPC"):
            pass
        ours = lakeport.LakeFSFileSystem(f"grpc://{line.split()[1]}", key, secret)
        theirs = lakefs_spec.LakeFSFileSystem(host=rest, username=key, password=secret)
        return cls(lake, server, rest, (key, secret), ours, theirs)

    def repository(self, name: str) -> str:
        """Creates a repository."""
        fsspec.asyn.sync(self.ours.loop, self.ours.lakeport.versions.create_repository, name, f"local://{name}")
        return name

    def bare(self, connections: int = 16) -> Bare:
        """Returns a minimal client of lakeFS's REST API."""
        return Bare(self.rest, self.pair, connections)

    def requests(self) -> int:
        """Returns the number of requests to the lake since the previous call."""
        if self.lake.stdin is None:
            raise AssertionError
        self.lake.stdin.write("\n")
        self.lake.stdin.flush()
        return int(_line(self.lake))

    def stop(self) -> None:
        """Stops lake and server."""
        self.server.terminate()
        self.server.wait(60)
        if self.lake.stdin is not None:
            self.lake.stdin.close()
        self.lake.wait(60)


class Bare:
    """A client of the REST API with a pool of connections."""

    def __init__(self, rest: str, pair: tuple[str, str], connections: int) -> None:
        headers = urllib3.make_headers(basic_auth=":".join(pair))
        self._pool = urllib3.PoolManager(maxsize=connections, headers=headers)
        self._headers = headers
        self._base = f"{rest}/api/v1/repositories"

    def __call__(self, method: str, path: str, *, json: object = None, body: bytes | None = None) -> urllib3.BaseHTTPResponse:
        """Sends a request, which must succeed."""
        if body is not None:
            headers = {**self._headers, "content-type": "application/octet-stream"}
            answer = self._pool.request(method, f"{self._base}/{path}", body=body, headers=headers)
        elif json is not None:
            answer = self._pool.request(method, f"{self._base}/{path}", json=json)
        else:
            answer = self._pool.request(method, f"{self._base}/{path}")
        if answer.status >= 300:
            message = f"{method} {path}: {answer.status} {answer.data!r}"
            raise RuntimeError(message)
        return answer


def memory(process: subprocess.Popen[str] | None = None) -> float:
    """Returns the peak memory of a process since `forget`, in MiB."""
    who = "self" if process is None else str(process.pid)
    for line in Path(f"/proc/{who}/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def forget(process: subprocess.Popen[str] | None = None) -> float:
    """Resets the peak memory of a process. Returns its current memory, in MiB."""
    who = "self" if process is None else str(process.pid)
    Path(f"/proc/{who}/clear_refs").write_text("5", encoding="ascii")
    return memory(process)


def _start(command: list[str], environment: dict[str, str] | None = None) -> subprocess.Popen[str]:
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)


def _line(process: subprocess.Popen[str]) -> str:
    if process.stdout is None:
        raise AssertionError
    return process.stdout.readline()
