"""Edge cases: lost or mixed bytes, stale caches, forks, and work that continues after an error."""

from __future__ import annotations

import gzip
import io
import multiprocessing
import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import fsspec
import pytest

import lakeport
from lakeport import LakeFSFileSystem
from servers import Server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def names(client: lakeport.Client, repo: str, ref: str = "main") -> list[str]:
    return [info.path for info in client.files(repo, ref).list()]


def test_iterator_may_reuse_its_buffer(client: lakeport.Client, repo: str) -> None:
    def pieces() -> Iterator[Any]:
        buffer = bytearray(1000)
        for index in range(4):
            buffer[:] = bytes([48 + index]) * 1000
            yield buffer

    client.files(repo, "main").write("a", pieces())
    assert client.files(repo, "main").read("a") == b"".join(bytes([48 + index]) * 1000 for index in range(4))


def test_slow_generator_does_not_block_other_calls(client: lakeport.Client, repo: str) -> None:
    files = client.files(repo, "main")
    files.write("a", b"1")

    def slow() -> Iterator[bytes]:
        for _ in range(4):
            time.sleep(0.5)
            yield b"1"

    with ThreadPoolExecutor(1) as pool:
        writing = pool.submit(files.write, "slow", slow())
        began = time.monotonic()
        for _ in range(5):
            files.stat("a")
        assert not writing.done()
        assert time.monotonic() - began < 1.9
        writing.result(60)
    files.write("copy", iter(files.open_read("slow")))
    assert files.read("copy") == b"1111"


def test_non_blocking_file_is_rejected(client: lakeport.Client, repo: str) -> None:
    answers: list[Any] = [b"1234", None, b"5678", b""]

    class Impatient:
        def read(self, size: int, /) -> Any:
            return answers.pop(0)

    with pytest.raises(BlockingIOError):
        client.files(repo, "main").write("a", Impatient())
    assert names(client, repo) == []


def test_no_write_continues_after_an_exception(fs: LakeFSFileSystem, client: lakeport.Client, repo: str) -> None:
    many = {f"{repo}/main/{index:03}": b"old" * 100_000 for index in range(50)}
    broken: dict[str, Any] = {**many, f"{repo}/main/{'x' * 1100}": b"1"}
    with pytest.raises(ValueError, match="path"):
        fs.pipe(broken, content_type="text/plain")
    fs.pipe(dict.fromkeys(list(many)[:20], b"new"))
    time.sleep(1)
    assert set(fs.cat(list(many)[:20]).values()) == {b"new"}


def test_transaction_names_are_unique(fs: LakeFSFileSystem, client: lakeport.Client, repo: str) -> None:
    with fs.transaction(repo, "main", branch_name="etl") as tx:
        fs.pipe(f"{repo}/etl/a", b"1")
        with pytest.raises(FileExistsError, match="etl"), fs.transaction(repo, "main", branch_name="etl"):
            pass
        fs.pipe(f"{repo}/etl/b", b"1")
    assert names(client, repo) == ["a", "b"]
    # A late write creates no branch.
    with pytest.raises(FileNotFoundError, match="has ended"):
        fs.pipe(f"{repo}/etl/late", b"1")
    assert tx.branch.id == "etl"


@pytest.mark.parametrize("delete", ["onsuccess", "always"])
def test_rollback_keeps_a_branch_of_another_client(fs: LakeFSFileSystem, client: lakeport.Client, repo: str, delete: Any) -> None:
    with pytest.raises(RuntimeError), fs.transaction(repo, "main", "draft", automerge=False, delete=delete) as tx:
        client.versions.create_branch(repo, "draft", "main")
        client.files(repo, "draft").write("precious", b"1")
        raise RuntimeError
    assert names(client, repo, "draft") == ["precious"]
    assert tx.branch.id == "draft"


def test_renamed_branch_raises_conflict(fs: LakeFSFileSystem, client: lakeport.Client, repo: str) -> None:
    with pytest.raises(lakeport.ConflictError, match="draft"), fs.transaction(repo, "main", "draft", automerge=False) as tx:
        fs.pipe(tx.path("mine"), b"1")
        client.versions.create_branch(repo, "draft", "main")
    assert tx.branch.id != "draft"
    assert names(client, repo, tx.branch.id) == ["mine"]


def test_failed_tags_raise_conflict_after_commit(fs: LakeFSFileSystem, client: lakeport.Client, repo: str) -> None:
    with pytest.raises(lakeport.ConflictError, match=r"is committed, but .*'taken'"), fs.transaction(repo, "main") as tx:
        fs.pipe(tx.path("a"), b"1")
        made = tx.commit("One")
        tx.tag(made, "taken")
        tx.tag(made, "free")
        client.versions.create_tag(repo, "taken", "main")
    assert names(client, repo) == ["a"]
    assert client.versions.tag(repo, "free").commit_id == made.id


def test_open_file_wrapped_by_another_library_rolls_back(
    fs: LakeFSFileSystem, client: lakeport.Client, repo: str, server: Server
) -> None:
    def text(path: str) -> Any:
        return io.TextIOWrapper(fs.open(path, "wb"))

    def packed(path: str) -> Any:
        return io.TextIOWrapper(gzip.GzipFile(fileobj=fs.open(path, "wb"), mode="wb"))

    def of_fsspec(path: str) -> Any:
        return fsspec.open(path, "w", host=server.url).open()

    for make in (text, packed, of_fsspec):
        with pytest.raises(ValueError, match="still open"), fs.transaction(repo, "main") as tx:
            left = make(tx.path("a"))
            left.write("text")
        assert names(client, repo) == []
        # The file was discarded, and further writes raise an error.
        with pytest.raises(ValueError, match="closed|not in write mode"):
            left.flush()
            left.buffer.flush()
            left.write("x" * 100_000)
            left.close()
        del left


async def test_open_asynchronous_file_rolls_back(server: Server, client: lakeport.Client, repo: str) -> None:
    fs = LakeFSFileSystem(server.url, asynchronous=True)
    with pytest.raises(ValueError, match="still open"):
        async with fs.transaction(repo, "main") as tx:
            left = await fs.open_async(tx.path("a"), "wb")
            await left.write(b"1")
    async with fs.transaction(repo, "main") as tx, await fs.open_async(tx.path("b"), "wb") as file:
        await file.write(b"1")
    assert await fs._find(f"{repo}/main") == [f"{repo}/main/b"]


def test_fsspec_transaction_rejects_an_open_file(fs: LakeFSFileSystem, client: lakeport.Client, repo: str) -> None:
    for size in (10, 9 << 20):
        with pytest.raises(ValueError, match="still open"), fs.transaction:
            left = fs.open(f"{repo}/main/a", "wb")
            left.write(b"a" * size)
        assert names(client, repo) == []
        fs._transaction = None
        fs._intrans = False
        left.close()


def test_moves_delete_only_copied_objects(fs: LakeFSFileSystem, client: lakeport.Client, repo: str) -> None:
    root = f"{repo}/main"
    fs.pipe({f"{root}/d/{key}": key.encode() for key in ("a.txt", "b.txt", "c.bin")})
    fs.mv(f"{root}/d/*.txt", f"{root}/d/")
    assert names(client, repo) == ["d/a.txt", "d/b.txt", "d/c.bin"]
    fs.mv([f"{root}/d/a.txt", f"{root}/d/b.txt"], f"{root}/e")
    assert names(client, repo) == ["d/c.bin", "e/a.txt", "e/b.txt"]
    client.versions.create_commit(repo, "main", "One")
    client.versions.create_branch(repo, "side", "main")
    fs.mv(f"{root}/e", f"{repo}/side/moved", recursive=True)
    assert names(client, repo) == ["d/c.bin"]
    assert [name for name in names(client, repo, "side") if "moved" in name] == ["moved/a.txt", "moved/b.txt"]


def test_object_name_takes_precedence_over_its_pattern(
    fs: LakeFSFileSystem, client: lakeport.Client, repo: str, tmp_path: Path
) -> None:
    root = f"{repo}/main"
    fs.pipe({f"{root}/file[1].txt": b"[1]", f"{root}/file1.txt": b"1"})
    assert fs.cat(f"{root}/file[1].txt") == b"[1]"
    fs.get(f"{root}/file[1].txt", f"{tmp_path}/got")
    assert (tmp_path / "got").read_bytes() == b"[1]"
    fs.cp(f"{root}/file[1].txt", f"{root}/copy")
    fs.mv(f"{root}/copy", f"{root}/moved")
    assert fs.cat(f"{root}/moved") == b"[1]"
    fs.rm(f"{root}/file[1].txt")
    assert names(client, repo) == ["file1.txt", "moved"]


def test_downloads_to_unusable_local_paths(fs: LakeFSFileSystem, repo: str, tmp_path: Path) -> None:
    fs.pipe({f"{repo}/main/t/a": b"1", f"{repo}/main/t/a/b": b"2"})
    with pytest.raises(OSError, match="folder|directory|exists"):
        fs.get(f"{repo}/main/t", f"{tmp_path}/t", recursive=True)
    (tmp_path / "folder").mkdir()
    with pytest.raises(IsADirectoryError):
        fs.get_file(f"{repo}/main/t/a", tmp_path / "folder")
    target = tmp_path / "target"
    target.write_bytes(b"")
    (tmp_path / "link").symlink_to(target)
    fs.get_file(f"{repo}/main/t/a", tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
    assert target.read_bytes() == b"1"
    fs.get_file(f"{repo}/main/t/a", tmp_path / ("n" * 250))


def test_copy_from_a_missing_ref_creates_no_branch(fs: LakeFSFileSystem, client: lakeport.Client, repo: str) -> None:
    with pytest.raises(FileNotFoundError):
        fs.cp_file(f"{repo}/none/a", f"{repo}/made/a")
    assert [branch.name for branch in client.versions.branches(repo)] == ["main"]
    fs.pipe(f"{repo}/main/a", b"1")
    fs.cp_file(f"{repo}/main/a", f"{repo}/made/a")
    assert fs.cat(f"{repo}/made/a") == b"1"


def test_trailing_slash_means_contents_of_a_directory(fs: LakeFSFileSystem, client: lakeport.Client, repo: str) -> None:
    fs.pipe({f"{repo}/main/a": b"1", f"{repo}/main/a/b": b"2"})
    fs.rm(f"{repo}/main/a/", recursive=True)
    assert names(client, repo) == ["a"]
    client.files(repo, "main").write("marker/", b"")
    assert fs.isdir(f"{repo}/main/marker")
    assert fs.ls(f"{repo}/main/marker") == []
    fs.rm(f"{repo}/main", recursive=True)
    assert names(client, repo) == []


def _read(url: str, path: str, queue: Any) -> None:
    queue.put(fsspec.filesystem("lakefs", host=url).cat(path))


def test_fork_after_a_partially_read_listing(fs: LakeFSFileSystem, client: lakeport.Client, server: Server, repo: str) -> None:
    fs.pipe({f"{repo}/main/d/{index}": b"1" for index in range(20)})
    context = multiprocessing.get_context("fork")
    for turn in range(6):
        assert fs.isdir(f"{repo}/main/d")
        found = next(iter(client.files(repo, "main").list()))
        assert found.path == "d/0"
        queue = context.Queue()
        child = context.Process(target=_read, args=(server.url, f"{repo}/main/d/0", queue))
        child.start()
        assert queue.get(timeout=60) == b"1", turn
        child.join(60)


def test_stale_metadata_is_not_used(fs: LakeFSFileSystem, client: lakeport.Client, repo: str, tmp_path: Path) -> None:
    path = f"{repo}/main/a"
    fs.pipe(path, b"0123456789")
    assert fs.info(path)["size"] == 10
    client.files(repo, "main").write("a", b"x" * 20)
    assert fs.cat_file(path, 0, -1) == b"x" * 19
    local = tmp_path / "a"
    local.write_bytes(b"0123456789")
    fs.invalidate_cache()
    fs.pipe(path, b"0123456789")
    assert fs.info(path)["size"] == 10
    client.files(repo, "main").write("a", b"other")
    fs.put_file(local, path, precheck=True)
    assert client.files(repo, "main").read("a") == b"0123456789"
    with fs.transaction(repo, "side") if fs.exists(f"{repo}/side") else _on(client, fs, repo) as tx:
        fs.pipe(tx.path("x"), b"1")
        tx.commit("One")
        assert fs.info(f"{repo}/{tx.branch.id}@/x")["size"] == 1
        fs.pipe(tx.path("x"), b"22222")
        tx.commit("Two")
        assert fs.info(f"{repo}/{tx.branch.id}@/x")["size"] == 5
        fs.cp(f"{repo}/{tx.branch.id}~1/x", tx.path("y"))
        assert fs.cat(tx.path("y")) == b"1"
    with pytest.raises(FileNotFoundError):
        fs.cat_file(f"{repo}/side/none", 0, 0)


def _on(client: lakeport.Client, fs: LakeFSFileSystem, repo: str) -> Any:
    client.versions.create_branch(repo, "side", "main")
    return fs.transaction(repo, "side")


def test_cat_ranges_matches_single_reads(fs: LakeFSFileSystem, repo: str) -> None:
    path = f"{repo}/main/a"
    fs.pipe(path, b"0123456789")
    found = fs.cat_ranges([path, path, path, f"{repo}/main"], [0, 20, 3, 0], [2, 30, 5, 4])
    assert found[:3] == [b"01", b"", b"34"]
    assert isinstance(found[3], IsADirectoryError)
    missing = fs.cat_ranges([f"{path}x", f"{path}x"], [0, 3], [2, 5])
    assert [each.filename for each in missing] == [f"{path}x"] * 2


def test_download_continues_where_iteration_stopped(client: lakeport.Client, repo: str) -> None:
    files, data = client.files(repo, "main"), os.urandom(8 << 20)
    files.write("a", data)
    download = files.open_read("a")
    first = next(iter(download))
    rest = b"".join(download)
    assert first + rest == data
    assert b"".join(download) == b""


def test_transaction_names_are_separate_for_each_server(fs: LakeFSFileSystem, repo: str, tmp_path: Path) -> None:
    from servers import start, stop  # noqa: PLC0415

    other = start(tmp_path / "other")
    try:
        there = LakeFSFileSystem(other.url)
        there.pipe("quickstart/work/x", b"there")
        with fs.transaction(repo, "main", branch_name="work") as tx:
            fs.pipe(tx.path("x"), b"here")
            assert there.cat("quickstart/work/x") == b"there"
    finally:
        stop(other)


def test_unresponsive_server_raises_timeout(tmp_path: Path) -> None:
    import signal  # noqa: PLC0415

    from servers import start, stop  # noqa: PLC0415

    running = start(tmp_path / "data")
    fs = LakeFSFileSystem(running.url, timeout=1.0)
    fs.pipe({"quickstart/main/a": b"1", "quickstart/main/b": b"1"})
    running.process.send_signal(signal.SIGSTOP)
    try:
        calls: list[Any] = [fs.cat, fs.ls, fs.open, fs.isdir]
        for call in calls:
            with pytest.raises(TimeoutError):
                call("quickstart/main/a")
        with pytest.raises(TimeoutError):
            fs.infos(["quickstart/main/a", "quickstart/main/b"])
    finally:
        running.process.send_signal(signal.SIGCONT)
        stop(running)


def test_file_system_works_on_two_event_loops_at_once(server: Server, repo: str) -> None:
    import asyncio  # noqa: PLC0415

    fs = LakeFSFileSystem(server.url, asynchronous=True)
    LakeFSFileSystem(server.url).pipe({f"{repo}/main/{index}": b"1" for index in range(20)})
    together = threading.Barrier(2)

    async def ask() -> None:
        for index in range(20):
            assert (await fs._info(f"{repo}/main/{index}"))["size"] == 1

    def run(_: int) -> None:
        together.wait(60)
        asyncio.run(ask())

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(run, range(2)))
