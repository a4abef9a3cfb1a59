"""Local lakeport servers, which the client starts for a lakeFS."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import lakeport
from encrypted import encrypted
from lakeport import LakeFSFileSystem, local, locks
from servers import SERVER, Server, started_by_clients, wait_for
from signing import signing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from lakeport.endpoint import Local


@pytest.fixture(params=["socket", "port"])
def home(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """A home directory without configuration, in which the client can start servers. They are stopped after the test.

    For "port", the path of a Unix socket is too long, so the server listens on a port, as on Windows.
    """
    monkeypatch.setenv("LAKEPORT_SERVER", SERVER)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / ("s" if request.param == "socket" else "long" * 25)))
    yield tmp_path
    for process in started_by_clients(tmp_path):
        os.kill(process, signal.SIGTERM)
    wait_for(lambda: not started_by_clients(tmp_path))


def write_lakectl(home: Path, server: Server) -> None:
    (home / ".lakectl.yaml").write_text(
        f"""credentials:
  access_key_id: {server.key}
  secret_access_key: {server.secret}
server:
  endpoint_url: {server.rest}/api/v1
"""
    )


def test_file_system_without_arguments_starts_a_server(home: Path, server: Server, repo: str) -> None:
    write_lakectl(home, server)
    fs = LakeFSFileSystem()
    with fs.transaction(repo, "main") as tx:
        fs.pipe(f"{repo}/{tx.branch.id}/a.txt", b"1")
        tx.commit("One")
    assert fs.cat(f"{repo}/main/a.txt") == b"1"
    assert len(started_by_clients(home)) == 1
    (data,) = home.glob("*/lakeport/*/sessions.db")
    assert stat.S_IMODE(data.parent.stat().st_mode) == 0o700
    kept = [*home.glob("*/lakeport/run/*.sock"), *home.glob("*/lakeport/*/token")]
    assert [stat.S_IMODE(file.stat().st_mode) for file in kept] == [0o600]


@pytest.mark.parametrize("home", ["socket"], indirect=True)
def test_start_of_a_server_is_not_part_of_the_timeout(
    home: Path, server: Server, repo: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_lakectl(home, server)
    ensure = local.ensure

    def slow(at: Local) -> object:
        time.sleep(2.5)
        return ensure(at)

    monkeypatch.setattr(local, "ensure", slow)
    fs = LakeFSFileSystem(timeout=2.0)
    fs.pipe(f"{repo}/main/a", b"1")
    assert fs.cat(f"{repo}/main/a") == b"1"


@pytest.mark.parametrize("home", ["port"], indirect=True)
def test_port_of_a_killed_server_is_not_trusted(home: Path, server: Server, repo: str) -> None:
    fs = LakeFSFileSystem(server.rest, server.key, server.secret)
    fs.pipe(f"{repo}/main/a.txt", b"1")
    (address,) = home.glob("*/lakeport/*/address")
    (process,) = started_by_clients(home)
    os.kill(process, signal.SIGKILL)
    wait_for(lambda: not started_by_clients(home))
    host, port = address.read_text().strip().split(":")
    taken: list[socket.socket] = []

    def is_taken() -> bool:
        with contextlib.suppress(OSError):
            taken.append(socket.create_server((host, int(port))))
        return bool(taken)

    # The port of the killed server closes a moment after its end.
    wait_for(is_taken)
    with taken[0] as stranger:
        stranger.settimeout(0.5)
        # Neither a connected client nor a new one connects to the foreign listener.
        assert fs.cat(f"{repo}/main/a.txt") == b"1"
        again = LakeFSFileSystem(server.rest, server.key, server.secret, skip_instance_cache=True)
        assert again.cat(f"{repo}/main/a.txt") == b"1"
        with pytest.raises(TimeoutError):
            stranger.accept()


@pytest.mark.parametrize("home", ["port"], indirect=True)
def test_client_without_connection_does_not_affect_other_clients(
    home: Path, server: Server, repo: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fs = LakeFSFileSystem(server.rest, server.key, server.secret)
    fs.pipe(f"{repo}/main/a.txt", b"1")

    def refuse(*_: object, **__: object) -> None:
        raise OSError("no ports are left")

    with monkeypatch.context() as broken:
        broken.setattr(local, "_START_TIMEOUT", 0.5)
        broken.setattr(socket, "create_connection", refuse)
        other = LakeFSFileSystem(server.rest, server.key, server.secret, skip_instance_cache=True)
        with pytest.raises(lakeport.UnavailableError, match="does not respond"):
            other.cat(f"{repo}/main/a.txt")
    for one in (fs, other):
        assert one.cat(f"{repo}/main/a.txt") == b"1"
    assert len(started_by_clients(home)) == 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this platform has no fork")
def test_forked_process_does_not_keep_the_lock(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with locks.held(path, 10):
        assert locks.is_held(path)
        child = os.fork()
        if child == 0:
            time.sleep(60)
            os._exit(0)
    try:
        assert not locks.is_held(path)
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


@pytest.mark.parametrize("home", ["port"], indirect=True)
def test_call_without_token_is_denied(home: Path, server: Server, repo: str) -> None:
    LakeFSFileSystem(server.rest, server.key, server.secret).touch(f"{repo}/main/a.txt")
    (address,) = home.glob("*/lakeport/*/address")
    other = LakeFSFileSystem(f"grpc://{address.read_text().strip()}", server.key, server.secret)
    with pytest.raises(PermissionError, match="token"):
        other.cat(f"{repo}/main/a.txt")


def test_wrong_secret_is_denied(home: Path, server: Server, repo: str) -> None:
    LakeFSFileSystem(server.rest, server.key, server.secret).touch(f"{repo}/main/a.txt")
    with pytest.raises(PermissionError, match="credentials"):
        LakeFSFileSystem(server.rest, server.key, "wrong").cat(f"{repo}/main/a.txt")


def test_key_of_the_server_can_use_transactions(home: Path, server: Server, repo: str) -> None:
    fs = LakeFSFileSystem(server.rest, server.key, server.secret)
    with fs.transaction(repo, "main") as tx:
        fs.pipe(tx.path("a.txt"), b"1")
        tx.tag("v1")
    assert fs.cat(f"{repo}/v1/a.txt") == b"1"
    with fs.transaction(repo, "main", branch_name="kept", automerge=False) as tx:
        fs.pipe(tx.path("b.txt"), b"1")
    assert fs.cat(f"{repo}/kept/b.txt") == b"1"


def test_processes_share_one_server(home: Path, server: Server, repo: str) -> None:
    program = f"""
from lakeport import LakeFSFileSystem
fs = LakeFSFileSystem(host="{server.rest}", username="{server.key}", password="{server.secret}")
fs.pipe("{repo}/main/" + input(), b"1")
"""

    def run(index: int) -> None:
        subprocess.run([sys.executable, "-c", program], input=f"{index}", text=True, check=True, timeout=120)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(run, range(4)))
    fs = LakeFSFileSystem(host=server.rest, username=server.key, password=server.secret)
    assert len(fs.find(f"{repo}/main")) == 4
    assert len(started_by_clients(home)) == 1


def test_killed_server_is_restarted(home: Path, server: Server, repo: str) -> None:
    fs = LakeFSFileSystem(server.rest, server.key, server.secret, use_listings_cache=False)
    path = f"{repo}/main/d/a.txt"
    fs.pipe(path, b"1")
    reads: list[Callable[[], object]] = [
        lambda: fs.cat(path) == b"1",
        lambda: fs.info(path)["size"] == 1,
        lambda: fs.exists(path),
        lambda: fs.isdir(f"{repo}/main/d"),
        lambda: fs.ls(f"{repo}/main/d", detail=False) == [path],
        lambda: fs.find(f"{repo}/main") == [path],
        lambda: fs.cat([path]) == {path: b"1"},
    ]
    for read in reads:
        (process,) = started_by_clients(home)
        os.kill(process, signal.SIGKILL)
        # Immediately after the kill: idempotent calls are retried.
        assert read()
    wait_for(lambda: len(started_by_clients(home)) == 1)


def test_write_to_a_killed_server_fails_and_the_next_succeeds(home: Path, server: Server, repo: str) -> None:
    fs = LakeFSFileSystem(server.rest, server.key, server.secret)
    fs.pipe(f"{repo}/main/a.txt", b"1")
    (process,) = started_by_clients(home)
    os.kill(process, signal.SIGKILL)
    # A process that is still ending accepts connections.
    wait_for(lambda: not started_by_clients(home))
    try:
        fs.pipe(f"{repo}/main/a.txt", b"2")
    except lakeport.UnavailableError as error:
        assert f"the local lakeport server for {server.rest} did not respond" in str(error)  # noqa: PT017  (the write may also succeed)
        fs.pipe(f"{repo}/main/a.txt", b"2")
    assert fs.cat(f"{repo}/main/a.txt") == b"2"


def test_idle_server_exits_and_is_restarted(home: Path, server: Server, repo: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "IDLE", 1)
    monkeypatch.setattr("lakeport.aio.channel._QUIET", 0.2)
    fs = LakeFSFileSystem(server.rest, server.key, server.secret)
    with fs.transaction(repo, "main") as tx:
        fs.pipe(tx.path("a.txt"), b"1")
        time.sleep(3)
        assert len(started_by_clients(home)) == 1
    wait_for(lambda: not started_by_clients(home))
    assert fs.cat(f"{repo}/main/a.txt") == b"1"


def test_concurrent_starts_start_one_server(home: Path, server: Server, repo: str) -> None:
    together = threading.Barrier(8)

    def write(index: int) -> None:
        fs = LakeFSFileSystem(server.rest, server.key, server.secret, skip_instance_cache=True)
        together.wait(60)
        fs.pipe(f"{repo}/main/{index}", b"1")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(8)))
    assert len(started_by_clients(home)) == 1


def test_failed_start_names_the_cause(home: Path, server: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    # The constructor contacts no server, and the address may be configured later.
    unconfigured = LakeFSFileSystem()
    with pytest.raises(ValueError, match="no lakeport server could be reached or started: no server address is configured"):
        unconfigured.ls("")
    monkeypatch.setenv("LAKEPORT_ENDPOINT", server.url)
    assert unconfigured.exists("")
    monkeypatch.delenv("LAKEPORT_ENDPOINT")
    with pytest.raises(ValueError, match="username and password must be given together"):
        LakeFSFileSystem("http://127.0.0.1:1", "somebody")
    for without_pair in (LakeFSFileSystem("http://127.0.0.1:1", access_token="a token"), LakeFSFileSystem("localhost:80000")):  # noqa: S106
        with pytest.raises(ValueError, match="requires a key pair"):
            without_pair.exists("repo/main/a")
    with pytest.raises(ValueError, match="neither the URL of a lakeport"):
        LakeFSFileSystem("ftp://127.0.0.1:1", "somebody", "secret")
    wrong = LakeFSFileSystem("http://127.0.0.1:1", "somebody", "secret")
    with pytest.raises(ConnectionError, match="the lakeFS is http://127.0.0.1:1"):
        wrong.ls("")
    # The address of a lakeport server in place of a lakeFS.
    mistaken = LakeFSFileSystem(server.url.replace("grpc", "http"), "somebody", "secret")
    with pytest.raises(ValueError, match="URL.*the lakeFS is http"):
        mistaken.ls("")
    ends = tmp_path / "ends"
    ends.write_text("#!/bin/sh\necho no such flag\nexit 3\n")
    ends.chmod(0o700)
    monkeypatch.setenv("LAKEPORT_SERVER", str(ends))
    with pytest.raises(ConnectionError, match="(?s)ends did not start for .* exit code 3. Its output:.no such flag"):
        LakeFSFileSystem(server.rest, server.key, server.secret).ls("")
    # A server that always exits because its data directory is in use.
    ends.write_text("#!/bin/sh\nexit 75\n")
    LakeFSFileSystem.clear_instance_cache()
    with pytest.MonkeyPatch.context() as hasty:
        hasty.setattr(local, "_START_TIMEOUT", 0.5)
        with pytest.raises(ConnectionError, match="does not respond|did not listen for"):
            LakeFSFileSystem(server.rest, server.key, server.secret).ls("")
    LakeFSFileSystem.clear_instance_cache()
    monkeypatch.setenv("LAKEPORT_SERVER", str(tmp_path / "no-such-binary"))
    missing = LakeFSFileSystem(server.rest, server.key, server.secret)
    for ask in (missing.ls, missing.exists, missing.isfile):
        with pytest.raises(lakeport.UnavailableError, match="no-such-binary.*LAKEPORT_SERVER"):
            ask("repo/main/a")
    monkeypatch.delenv("LAKEPORT_SERVER")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("sysconfig.get_path", lambda _name: str(tmp_path))
    with pytest.raises(lakeport.UnavailableError, match="no lakeport-server binary was found"):
        missing.ls("")


def test_configured_endpoint_is_used(home: Path, server: Server, repo: str, monkeypatch: pytest.MonkeyPatch) -> None:
    write_lakectl(home, server)
    monkeypatch.setenv("LAKEPORT_ENDPOINT", server.url)
    LakeFSFileSystem().pipe(f"{repo}/main/a.txt", b"1")
    monkeypatch.setenv("LAKEPORT_ENDPOINT", server.url.replace("grpc", "http"))
    assert LakeFSFileSystem(skip_instance_cache=True).cat(f"{repo}/main/a.txt") == b"1"
    assert started_by_clients(home) == []
    monkeypatch.setenv("LAKEPORT_ENDPOINT", "nonsense")
    with pytest.raises(ValueError, match="LAKEPORT_ENDPOINT='nonsense'"):
        LakeFSFileSystem(skip_instance_cache=True)


def test_incomplete_key_pair_is_rejected(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAKECTL_CREDENTIALS_ACCESS_KEY_ID", "half")
    with pytest.raises(ValueError, match="incomplete lakeFS key pair"):
        LakeFSFileSystem("grpc://127.0.0.1:1")
    (home / ".lakectl.yaml").write_text("credentials: [\nsecret_access_key: very-secret")
    with pytest.raises(ValueError, match="is not a valid configuration file of lakectl") as raised:
        LakeFSFileSystem("grpc://127.0.0.1:1")
    monkeypatch.delenv("LAKECTL_CREDENTIALS_ACCESS_KEY_ID")
    LakeFSFileSystem("grpc://127.0.0.1:1", "somebody", "secret")
    assert "very-secret" not in str(raised.value)


def test_lakefs_with_a_private_ca_certificate(home: Path, server: Server, repo: str) -> None:
    with encrypted(server.rest, "http/1.1") as tls:
        (home / "ca.pem").write_bytes(tls.authority.cert_pem.bytes())
        fs = LakeFSFileSystem(tls.url, server.key, server.secret, ssl_ca_cert=str(home / "ca.pem"))
        fs.pipe(f"{repo}/main/a.txt", b"1")
        assert fs.cat(f"{repo}/main/a.txt") == b"1"
        with pytest.raises(ConnectionError, match="invalid peer certificate"):
            LakeFSFileSystem(tls.url, server.key, server.secret).cat(f"{repo}/main/a.txt")
        (home / "none.pem").write_text("")
        with pytest.raises(ConnectionError, match="no certificate"):
            LakeFSFileSystem(tls.url, server.key, server.secret, ssl_ca_cert=str(home / "none.pem")).cat(f"{repo}/main/a.txt")


def test_presigned_url_needs_no_credentials(home: Path, server: Server, repo: str) -> None:
    LakeFSFileSystem(server.url).pipe(f"{repo}/main/a b.txt", b"signed")
    with signing(server) as lakefs:
        fs = LakeFSFileSystem(lakefs, server.key, server.secret)
        with urllib.request.urlopen(fs.sign(f"{repo}/main/a b.txt")) as answer:
            assert answer.read() == b"signed"
        with pytest.raises(FileNotFoundError):
            fs.sign(f"{repo}/main/none.txt")
