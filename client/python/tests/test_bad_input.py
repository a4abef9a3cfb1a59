"""Errors: exceptions that fsspec's users expect, with errno, reason and the server's message."""

from __future__ import annotations

import errno
import pickle
import socket
import subprocess
import sys
import threading
import time
import warnings
from typing import TYPE_CHECKING, Any

import grpc
import pytest

import lakeport
from lakeport import LakeFSFileSystem
from lakeport.errors import translate_lakefs_error
from lakeport.spec import parse
from servers import Server, start, stop

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


class Relay:
    """A proxy to a server that can cut a connection after a number of bytes."""

    def __init__(self, server: Server) -> None:
        host, port = server.url.removeprefix("grpc://").split(":")
        self._server = (host, int(port))
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"grpc://127.0.0.1:{self._listener.getsockname()[1]}"
        self.cut_down_after: int | None = None
        self.cut_up_after: int | None = None
        self.cuts = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.create_connection(self._server)
            for source, sink, way in ((client, server, "up"), (server, client, "down")):
                threading.Thread(target=self._pump, args=(source, sink, way), daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket, way: str) -> None:
        passed = 0
        try:
            while piece := source.recv(1 << 16):
                passed += len(piece)
                limit = self.cut_down_after if way == "down" else self.cut_up_after
                if limit is not None and passed > limit:
                    self.cut_down_after = self.cut_up_after = None
                    self.cuts += 1
                    break
                sink.sendall(piece)
        except OSError:
            pass
        for end in (source, sink):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue

    def close(self) -> None:
        self._listener.close()


@pytest.fixture
def relay(server: Server) -> Iterator[Relay]:
    made = Relay(server)
    yield made
    made.close()


def test_missing_paths_raise_file_not_found(fs: LakeFSFileSystem, repo: str) -> None:
    for path, reason in (
        (f"{repo}/main/none", "OBJECT_NOT_FOUND"),
        (f"{repo}/none/a", "REF_NOT_FOUND"),
        ("no-such-repository/main/a", "REPOSITORY_NOT_FOUND"),
    ):
        calls: list[Any] = [fs.cat, fs.info, fs.open, fs.ls, fs.size, fs.modified, fs.rm]
        for call in calls:
            with pytest.raises(FileNotFoundError) as raised:
                call(path)
            assert isinstance(raised.value, lakeport.LakeportError), call
            assert (raised.value.errno, raised.value.reason) == (errno.ENOENT, reason), call
            assert str(raised.value.filename).startswith(path.rpartition("/")[0]), call
        assert not fs.exists(path)
    with pytest.raises(FileNotFoundError):
        fs.rm(f"{repo}/main/none", recursive=True)
    with pytest.raises(FileNotFoundError):
        fs.rm(f"{repo}/main/none*")


def test_paths_above_objects_raise_is_a_directory(fs: LakeFSFileSystem, repo: str) -> None:
    calls: list[Any] = [fs.cat, fs.open, fs.touch, fs.modified, lambda path: fs.pipe(path, b"1"), fs.rm, fs.metadata]
    for call in calls:
        for path in (repo, f"{repo}/main", f"{repo}/main/"):
            with pytest.raises(IsADirectoryError) as raised:
                call(path)
            assert raised.value.errno == errno.EISDIR
        with pytest.raises(ValueError, match="repository/branch/path"):
            call("")
    with pytest.raises(ValueError, match="not below a branch"):
        fs.rm(repo, recursive=True)


def test_invalid_names_do_not_exist(fs: LakeFSFileSystem, repo: str) -> None:
    for path in ("No_Such/main/x", "ab/main/x", f"{repo}/a b/x", f"{repo}/main/{'x' * 2000}"):
        assert [fs.exists(path), fs.isdir(path), fs.isfile(path)] == [False] * 3
        with pytest.raises(ValueError, match=r"repository|ref|path"):
            fs.cat(path)


def test_creating_existing_directories(fs: LakeFSFileSystem, repo: str) -> None:
    fs.pipe(f"{repo}/main/d/a", b"1")
    fs.mkdir(f"{repo}/main/d")
    fs.makedirs(f"{repo}/main/d", exist_ok=True)
    with pytest.raises(FileExistsError):
        fs.mkdir(f"{repo}/main/d/a")
    with pytest.raises(FileExistsError):
        fs.makedirs(f"{repo}/main/d")


def test_directories_and_objects_raise_different_errors(fs: LakeFSFileSystem, repo: str) -> None:
    fs.pipe(f"{repo}/main/d/a", b"1")
    for call in (fs.cat, fs.open, fs.rm):
        with pytest.raises(IsADirectoryError):
            call(f"{repo}/main/d")
    with pytest.raises(NotADirectoryError):
        fs.ls(f"{repo}/main/d/a/")
    assert fs.exists(f"{repo}/main/d/a")


def test_writes_to_read_only_refs_are_denied(fs: LakeFSFileSystem, client: lakeport.Client, repo: str) -> None:
    fs.pipe(f"{repo}/main/a", b"1")
    commit = client.versions.create_commit(repo, "main", "One").commit_id
    client.versions.create_tag(repo, "v1", "main")
    for ref in (commit, "v1", "main~0"):
        with pytest.raises(PermissionError) as raised:
            fs.pipe(f"{repo}/{ref}/a", b"2")
        assert isinstance(raised.value, lakeport.DeniedError)
        assert (raised.value.errno, raised.value.reason) == (errno.EACCES, "REF_NOT_A_BRANCH")
        with pytest.raises(PermissionError):
            fs.rm(f"{repo}/{ref}/a")
    with pytest.raises(PermissionError) as raised:
        fs.pipe(f"{repo}/lakeport-tx-mine/a", b"1")
    assert isinstance(raised.value, lakeport.DeniedError)
    assert raised.value.reason == "RESERVED_NAME"


def test_rejection_during_upload_keeps_its_reason(fs: LakeFSFileSystem, client: lakeport.Client, repo: str, tmp_path: Path) -> None:
    client.versions.create_tag(repo, "v1", "main")
    (tmp_path / "a").write_bytes(b"x" * (64 << 20))
    for _ in range(5):
        with pytest.raises(PermissionError, match="branch"):
            fs.put_file(tmp_path / "a", f"{repo}/v1/a")


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Server]:
    """A server with an embedded lake, which accepts one key pair."""
    running = start(tmp_path / "data")
    yield running
    stop(running)


def test_errors_name_the_source_of_rejected_credentials(own: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    config = tmp_path / "lakectl.yaml"
    monkeypatch.setenv("LAKECTL_CONFIG_FILE", str(config))
    with pytest.raises(ValueError, match=r"LAKECTL_CONFIG_FILE names .*lakectl.yaml, which does not exist"):
        LakeFSFileSystem(own.url)
    config.write_text("credentials:\n  access_key_id: AKIAOLD\n  secret_access_key: old\n")
    with pytest.raises(PermissionError, match=r"the credentials are those of .*lakectl.yaml \(UNAUTHENTICATED\)"):
        LakeFSFileSystem(own.url).ls("")
    monkeypatch.setenv("LAKECTL_CREDENTIALS_SECRET_ACCESS_KEY", "older")
    with pytest.raises(PermissionError, match=r"those of .*lakectl.yaml and LAKECTL_CREDENTIALS_SECRET_ACCESS_KEY"):
        LakeFSFileSystem(own.url, skip_instance_cache=True).ls("")
    with pytest.raises(PermissionError) as raised:
        LakeFSFileSystem(own.url, "AKIAOLD", "old").ls("")
    assert "those of" not in str(raised.value)


def test_wrong_credentials_are_denied(own: Server) -> None:
    with pytest.raises(PermissionError) as raised:
        LakeFSFileSystem(own.url, "AKIAWRONG", "wrong").ls("quickstart")
    assert isinstance(raised.value, lakeport.DeniedError)
    assert raised.value.reason == "UNAUTHENTICATED"
    # The server responds during the upload, and this response must not be lost.
    stranger = LakeFSFileSystem(own.url, "AKIAWRONG", "wrong")
    for turn in range(30):
        with pytest.raises(PermissionError):
            stranger.pipe("quickstart/main/a", b"x" * ((turn % 3) << 20))
    assert "wrong" not in repr(lakeport.Credentials.key_pair("AKIAWRONG", "wrong"))
    assert LakeFSFileSystem(own.url, own.key, own.secret).ls("quickstart", detail=False) == ["quickstart/main/"]
    with pytest.raises(ValueError, match="verify_ssl"):
        LakeFSFileSystem(own.url, verify_ssl=False)
    with pytest.raises(ValueError, match="grpc_proxy"):
        LakeFSFileSystem(own.url, proxy="http://proxy")


def test_unreachable_server_and_invalid_urls() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    fs = LakeFSFileSystem(f"grpc://127.0.0.1:{port}")
    calls: list[Any] = [fs.cat, fs.exists, fs.isdir, fs.isfile, fs.find, fs.glob]
    for call in calls:
        # The failure must not look like a missing path.
        with pytest.raises(ConnectionError) as raised:
            call("repo/main/a*" if call == fs.glob else "repo/main/a")
        assert raised.value.errno == errno.ECONNREFUSED
    assert f"the lakeport server at grpc://127.0.0.1:{port} (without TLS) did not respond" in str(raised.value)
    for url in ("grpc://", "grpc://host/path", "grpcs://me:secret@host", "unix:relative"):
        with pytest.raises(ValueError, match="lakeport"):
            LakeFSFileSystem(url)
    for url in ("grpc://host:99999", "grpc://host:port", "http://host:port"):
        with pytest.raises(lakeport.InvalidError, match=f"'{url}' is not a URL"):
            LakeFSFileSystem(url, "somebody", "secret")
    for url in ("https://AKIA:ab/cdSECRET@host", "https://AKIA:SECRET@host", "grpcs://AKIA:SECRET@host"):
        with pytest.raises(lakeport.InvalidError, match="…@host") as refused:
            LakeFSFileSystem(url, "somebody", "secret")
        assert "SECRET" not in str(refused.value)


def test_misspelled_option_warns_and_foreign_options_do_not(server: Server) -> None:
    with pytest.warns(UserWarning, match="has no option usename: did you mean username") as warned:
        LakeFSFileSystem(server.url, usename="somebody")
    assert warned[0].filename == __file__
    with pytest.warns(UserWarning, match="has no option hsot: did you mean host"):
        LakeFSFileSystem(server.url, hsot="grpc://elsewhere")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        of_others: dict[str, Any] = {
            "encoding": "utf-8",
            "errors": "strict",
            "newline": "",
            "mode": "rb",
            "compression": None,
            "block_size": 0,
        }
        of_fsspec: dict[str, Any] = {
            "batch_size": 8,
            "max_paths": 8,
            "skip_instance_cache": True,
            "add_docs": False,
            "add_aliases": False,
        }
        LakeFSFileSystem(server.url, **of_others, **of_fsspec)


def test_calls_succeed_after_server_restart(tmp_path: Path) -> None:
    first = start(tmp_path / "data")
    fs = LakeFSFileSystem(first.url)
    fs.pipe("quickstart/main/a", b"1")
    stop(first)
    with pytest.raises(ConnectionError):
        fs.cat("quickstart/main/a")
    second = start(tmp_path / "data", int(first.url.rpartition(":")[2]))
    try:
        until = time.monotonic() + 60
        while True:
            try:
                assert fs.cat("quickstart/main/a") == b"1"
                break
            except ConnectionError:
                assert time.monotonic() < until
                time.sleep(0.1)
    finally:
        stop(second)


def test_server_without_the_service_raises_unsupported() -> None:
    # In a separate process, because gRPC also acts as a server there.
    program = """
from concurrent.futures import ThreadPoolExecutor
import grpc, lakeport
server = grpc.server(ThreadPoolExecutor(1))
port = server.add_insecure_port("127.0.0.1:0")
server.start()
fs = lakeport.LakeFSFileSystem(f"grpc://127.0.0.1:{port}")
for call in (fs.ls, fs.cat, fs.info, fs.exists):
    try:
        call("repo/main/a")
    except NotImplementedError as error:
        assert isinstance(error, lakeport.UnsupportedError)
        assert "its version differs" in str(error)
    else:
        raise AssertionError(call)
server.stop(None).wait()
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


def test_expired_deadline_raises_timeout(server: Server, repo: str) -> None:
    fs = LakeFSFileSystem(server.url, timeout=1e-9)
    with pytest.raises(TimeoutError) as raised:
        fs.info(f"{repo}/main/a")
    assert raised.value.errno == errno.ETIMEDOUT
    config: Any = {"request_timeout": 1e-9}
    with pytest.raises(TimeoutError):
        LakeFSFileSystem(server.url, request_config=config).info(f"{repo}/main/a")


def test_read_resumes_after_lost_connection(fs: LakeFSFileSystem, relay: Relay, repo: str, tmp_path: Path) -> None:
    data = bytes(range(256)) * (64 << 10)
    fs.pipe(f"{repo}/main/a", data)
    through = LakeFSFileSystem(relay.url)
    for cut in (1 << 20, 5 << 20):
        relay.cut_down_after = cut
        assert through.cat(f"{repo}/main/a") == data
        relay.cut_down_after = cut
        through.get_file(f"{repo}/main/a", tmp_path / "a")
        assert (tmp_path / "a").read_bytes() == data
    assert relay.cuts == 4


def test_idempotent_calls_are_retried_after_lost_connection(relay: Relay, repo: str) -> None:
    fs = LakeFSFileSystem(relay.url, use_listings_cache=False)
    fs.pipe(f"{repo}/main/a", b"1")
    reads: list[Callable[[], object]] = [
        lambda: fs.exists(f"{repo}/main/a"),
        lambda: fs.find(f"{repo}/main") == [f"{repo}/main/a"],
        lambda: fs.cat([f"{repo}/main/a"]) == {f"{repo}/main/a": b"1"},
        lambda: fs.ls("", detail=False),
    ]
    for cuts, read in enumerate(reads, start=1):
        relay.cut_down_after = 0
        assert read()
        assert relay.cuts == cuts


def test_interrupted_write_stores_nothing(fs: LakeFSFileSystem, relay: Relay, repo: str, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x" * (16 << 20))
    through = LakeFSFileSystem(relay.url)
    relay.cut_up_after = 5 << 20
    with pytest.raises(ConnectionError):
        through.put_file(tmp_path / "a", f"{repo}/main/a")
    relay.cut_up_after = 5 << 20
    with pytest.raises(ConnectionError), through.open(f"{repo}/main/a", "wb") as file:
        file.write(b"x" * (16 << 20))
    assert relay.cuts == 2
    assert not fs.exists(f"{repo}/main/a")


def test_file_that_shrinks_during_upload_is_not_stored(fs: LakeFSFileSystem, repo: str, tmp_path: Path) -> None:
    local = tmp_path / "a"
    local.write_bytes(b"x" * (8 << 20))

    class Shrinks:
        def __init__(self) -> None:
            self.file = local.open("rb")

        def read(self, size: int, /) -> bytes:
            local.write_bytes(b"x" * (1 << 20))
            return self.file.read(size)

    files = fs.lakeport.files(repo, "main")
    import fsspec.asyn  # noqa: PLC0415

    async def send() -> None:
        await files.write("a", Shrinks(), size=8 << 20)

    with pytest.raises(ValueError, match="bytes") as raised:
        fsspec.asyn.sync(fs.loop, send)
    assert isinstance(raised.value, lakeport.InvalidError)
    assert raised.value.reason == "WRITE_INCOMPLETE"
    assert not fs.exists(f"{repo}/main/a")


def test_errors_can_be_pickled(fs: LakeFSFileSystem, repo: str) -> None:
    with pytest.raises(lakeport.NotFoundError) as raised:
        fs.info(f"{repo}/main/none")
    again = pickle.loads(pickle.dumps(raised.value))  # noqa: S301
    assert type(again) is lakeport.NotFoundError
    assert (str(again), again.reason, again.code, again.errno, again.filename) == (
        str(raised.value),
        "OBJECT_NOT_FOUND",
        grpc.StatusCode.NOT_FOUND,
        errno.ENOENT,
        f"{repo}/main/none",
    )
    with pytest.raises(lakeport.InvalidError) as invalid:
        fs.pipe(f"{repo}/main/{'x' * 2000}", b"1")
    assert invalid.value.field_violations[0].field == "path"


def test_lakefs_spec_helpers_are_available(tmp_path: Path) -> None:
    assert parse("lakefs://repo/main/a/b.txt") == ("repo", "main", "a/b.txt")
    assert parse("repo/main~2/") == ("repo", "main~2", "")
    for bad in ("", "x", "repo", "repo/", "REPO/main/a", "repo//a"):
        with pytest.raises(ValueError, match="not a valid lakeFS URI"):
            parse(bad)
    from lakeport.util import batched, md5_checksum  # noqa: PLC0415

    (tmp_path / "a").write_bytes(b"1")
    assert md5_checksum(tmp_path / "a") == "c4ca4238a0b923820dcc509a6f75849b"
    assert list(batched("abcde", 2)) == [("a", "b"), ("c", "d"), ("e",)]

    class ServerError(Exception):
        status_code, reason = 404, "Not Found"
        body = {"message": "no such thing"}  # noqa: RUF012

    found = translate_lakefs_error(ServerError(), rpath="repo/main/a")
    assert isinstance(found, FileNotFoundError)
    assert "no such thing" in str(found)
    assert isinstance(found.__cause__, ServerError)
