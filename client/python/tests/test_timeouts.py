"""Calls end within the timeout of the client, whichever side hangs."""

from __future__ import annotations

import contextlib
import signal
import time
from typing import TYPE_CHECKING, Any

import pytest

import lakeport
from counted import CountedLake
from lakeport import LakeFSFileSystem
from servers import Lakefs, Server, start, stop

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from subprocess import Popen

    from lakeport.client import Versions

TIMEOUT = 2.0
ROOT = "hanging/main"


@pytest.fixture(scope="module")
def sides(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, CountedLake]]:
    """A server and its lake, in two processes, with a repository that has objects."""
    lake = CountedLake.start(tmp_path_factory.mktemp("lake"))
    server = start(tmp_path_factory.mktemp("server") / "data", lakefs=Lakefs(lake.url, lake.key, lake.secret, "local://"))
    with lakeport.Client(server.url) as client:
        client.versions.create_repository("hanging", "local://hanging")
    fs = LakeFSFileSystem(server.url)
    fs.pipe({f"{ROOT}/a": b"1" * 100, f"{ROOT}/d/b": b"2", f"{ROOT}/d/c": b"3"})
    yield server, lake
    stop(server)
    lake.stop()


@contextlib.contextmanager
def _hanging(process: Popen[str]) -> Iterator[None]:
    process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        process.send_signal(signal.SIGCONT)


def _large() -> bytes:
    return b"x" * (5 << 20)


def _versions(fs: LakeFSFileSystem, call: Callable[[Versions], Any]) -> None:
    with lakeport.Client(str(fs.storage_options["host"]), timeout=TIMEOUT) as client:
        call(client.versions)


CALLS: dict[str, Callable[[LakeFSFileSystem], Any]] = {
    "cat": lambda fs: fs.cat(f"{ROOT}/a"),
    "cat_many": lambda fs: fs.cat([f"{ROOT}/d/b", f"{ROOT}/d/c"]),
    "cat_ranges": lambda fs: fs.cat_ranges([f"{ROOT}/a"] * 2, [0, 50], [10, 60], on_error="raise"),
    "open": lambda fs: fs.open(f"{ROOT}/a").read(),
    "info": lambda fs: fs.info(f"{ROOT}/a"),
    "exists": lambda fs: fs.exists(f"{ROOT}/missing"),
    "ls": lambda fs: fs.ls(f"{ROOT}/"),
    "find": lambda fs: fs.find(f"{ROOT}/"),
    "pipe": lambda fs: fs.pipe(f"{ROOT}/new", b"1"),
    "pipe_large": lambda fs: fs.pipe(f"{ROOT}/large", _large()),
    "pipe_many": lambda fs: fs.pipe({f"{ROOT}/new/{n}": b"1" for n in range(3)}),
    "rm": lambda fs: fs.rm(f"{ROOT}/a"),
    "rm_tree": lambda fs: fs.rm(f"{ROOT}/d", recursive=True),
    "cp": lambda fs: fs.cp(f"{ROOT}/a", f"{ROOT}/b"),
    "mv": lambda fs: fs.mv(f"{ROOT}/d", f"{ROOT}/e", recursive=True),
    "branches": lambda fs: _versions(fs, lambda versions: list(versions.branches("hanging"))),
    "create_tag": lambda fs: _versions(fs, lambda versions: versions.create_tag("hanging", "v", "main")),
    "commit": lambda fs: _versions(fs, lambda versions: versions.create_commit("hanging", "main", "m")),
}

UNARY = {"pipe", "pipe_many", "branches", "create_tag", "commit"}
"""Calls with one message in each direction. The server knows their timeout, and says what it waits for."""


@pytest.mark.parametrize("call", CALLS)
def test_calls_end_in_time_while_lakefs_hangs(sides: tuple[Server, CountedLake], call: str) -> None:
    server, lake = sides
    fs = LakeFSFileSystem(host=server.url, timeout=TIMEOUT, skip_instance_cache=True)
    assert fs.exists(f"{ROOT}/a")
    fs.invalidate_cache()
    with _hanging(lake.process):
        began = time.monotonic()
        with pytest.raises((TimeoutError, ConnectionError)) as raised:
            CALLS[call](fs)
        elapsed = time.monotonic() - began
    assert elapsed < TIMEOUT + 1, f"{call} took {elapsed:.1f} s: {raised.value}"
    if call in UNARY:
        assert "lakeFS did not respond" in str(raised.value), raised.value


@pytest.mark.parametrize("call", CALLS)
def test_calls_end_in_time_while_the_server_hangs(sides: tuple[Server, CountedLake], call: str) -> None:
    server, _ = sides
    fs = LakeFSFileSystem(host=server.url, timeout=TIMEOUT, skip_instance_cache=True)
    assert fs.exists(f"{ROOT}/a")
    fs.invalidate_cache()
    with _hanging(server.process):
        began = time.monotonic()
        with pytest.raises((TimeoutError, ConnectionError)) as raised:
            CALLS[call](fs)
        elapsed = time.monotonic() - began
    assert elapsed < TIMEOUT + 1, f"{call} took {elapsed:.1f} s: {raised.value}"
    assert server.url.removeprefix("grpc://") in str(raised.value), raised.value
