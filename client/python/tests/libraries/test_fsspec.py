"""fsspec's own tools: caches, wrapping file systems, progress, and copies of the file system object."""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import operator
import pickle
import subprocess
import sys
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import fsspec
import pytest
from fsspec.callbacks import TqdmCallback
from fsspec.generic import GenericFileSystem, rsync
from fsspec.implementations.dirfs import DirFileSystem

from lakeport import LakeFSFileSystem

DATA = bytes(range(256)) * 20_000


@pytest.mark.parametrize("cache", ["simplecache", "filecache", "blockcache"])
def test_local_caches(fs: LakeFSFileSystem, url: str, tmp_path: Path, cache: str) -> None:
    fs.pipe(f"{url}/x", DATA)
    for _ in range(2):
        with fsspec.open(f"{cache}::{url}/x", **{cache: {"cache_storage": str(tmp_path / "cache")}}) as file:
            file.seek(1000)
            assert file.read(5000) == DATA[1000:6000]
            file.seek(-3, 2)
            assert file.read() == DATA[-3:]
    assert list((tmp_path / "cache").iterdir())


def test_a_local_cache_is_written_through(fs: LakeFSFileSystem, url: str, tmp_path: Path) -> None:
    with fsspec.open(f"simplecache::{url}/x", "wb", simplecache={"cache_storage": str(tmp_path / "cache")}) as file:
        file.write(b"hello")
    assert fs.cat(f"{url}/x") == b"hello"


def test_a_local_copy(fs: LakeFSFileSystem, url: str) -> None:
    fs.pipe(f"{url}/x", DATA)
    path = fsspec.open_local(f"simplecache::{url}/x")
    assert Path(path).read_bytes() == DATA


def test_local_cache_checks_for_new_versions(url: str, tmp_path: Path) -> None:
    fs = fsspec.filesystem("lakefs")
    how = {"cache_storage": str(tmp_path / "cache"), "check_files": True}
    for data in (b"old", b"newer"):
        fs.pipe(f"{url}/x", data)
        with fsspec.open(f"filecache::{url}/x", filecache=how) as file:
            assert file.read() == data


@pytest.mark.parametrize("name", ["bytes", "readahead", "blockcache", "background", "all", "mmap", "first", "none"])
def test_caches_of_files(fs: LakeFSFileSystem, url: str, name: str) -> None:
    fs.pipe(f"{url}/x", DATA)
    with fs.open(f"{url}/x", cache_type=name, block_size=100_000) as file:
        file.seek(2_000_000)
        assert file.read(300_000) == DATA[2_000_000:2_300_000]
        file.seek(10)
        assert file.read(10) == DATA[10:20]


def test_archives(fs: LakeFSFileSystem, url: str) -> None:
    with fs.open(f"{url}/x.zip", "wb") as file, zipfile.ZipFile(file, "w") as archive:
        archive.writestr("deep/a.txt", "hello")
    with fsspec.open(f"zip://deep/a.txt::{url}/x.zip") as file:
        assert file.read() == b"hello"


def test_directory_as_root(fs: LakeFSFileSystem, repo: str) -> None:
    root = DirFileSystem(f"{repo}/main/root", fs)
    root.pipe({"a.txt": b"a", "deep/b.txt": b"b"})
    assert root.find("") == ["a.txt", "deep/b.txt"]
    assert root.glob("**/*.txt") == ["a.txt", "deep/b.txt"]
    assert sorted(root.ls("", detail=False)) == ["a.txt", "deep/"]
    assert root.cat("deep/b.txt") == b"b"


def test_directory_with_a_slash_as_root(fs: LakeFSFileSystem, repo: str, url: str) -> None:
    DirFileSystem(f"{url}/root/", fs).pipe("a.txt", b"a")
    fsspec.get_mapper(f"{url}/root/")["b.txt"] = b"b"
    rsync(f"{url}/root/", f"{url}/copy", delete_missing=True)
    assert fs.find(f"{repo}/main") == [f"{repo}/main/{folder}/{name}.txt" for folder in ("copy", "root") for name in "ab"]


def test_rsync(fs: LakeFSFileSystem, url: str, tmp_path: Path) -> None:
    for name in ("a.txt", "deep/b.txt"):
        (tmp_path / "here" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "here" / name).write_text(name)
    rsync(f"file://{tmp_path}/here", f"{url}/there")
    assert [name.rpartition("there/")[2] for name in fs.find(f"{url}/there")] == ["a.txt", "deep/b.txt"]
    (tmp_path / "here/a.txt").unlink()
    rsync(f"file://{tmp_path}/here", f"{url}/there", delete_missing=True)
    assert [name.rpartition("there/")[2] for name in fs.find(f"{url}/there")] == ["deep/b.txt"]
    rsync(f"{url}/there", f"file://{tmp_path}/back")
    assert (tmp_path / "back/deep/b.txt").read_text() == "deep/b.txt"


def test_generic(fs: LakeFSFileSystem, url: str) -> None:
    generic = GenericFileSystem(default_method="current")
    fs.pipe(f"{url}/x", b"hello")
    generic.cp(f"{url}/x", "memory://generic/x")
    assert fsspec.filesystem("memory").cat("/generic/x") == b"hello"
    assert generic.exists(f"{url}/x")


@pytest.mark.parametrize("how", ["pickle", "json", "dict"])
def test_copies_of_the_file_system(fs: LakeFSFileSystem, url: str, how: str) -> None:
    fs.pipe(f"{url}/x", b"hello")
    if how == "pickle":
        copy = pickle.loads(pickle.dumps(fs))  # noqa: S301  (its own)
    elif how == "json":
        copy = fsspec.AbstractFileSystem.from_json(fs.to_json(include_password=True))
    else:
        copy = fsspec.AbstractFileSystem.from_dict(json.loads(json.dumps(fs.to_dict(include_password=True))))
    assert copy == fs
    assert copy.cat(f"{url}/x") == b"hello"


def test_open_file_can_be_pickled(fs: LakeFSFileSystem, url: str) -> None:
    fs.pipe(f"{url}/x", b"hello")
    with pickle.loads(pickle.dumps(fsspec.open(f"{url}/x", "rt"))) as file:  # noqa: S301  (its own)
        assert file.read() == "hello"
    with fs.open(f"{url}/x") as file, pickle.loads(pickle.dumps(file)) as copy:  # noqa: S301  (its own)
        assert copy.read() == b"hello"


def test_another_process(fs: LakeFSFileSystem, url: str) -> None:
    fs.pipe(f"{url}/x", b"hello")
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        assert pool.apply_async(operator.methodcaller("cat", f"{url}/x"), (fs,)).get(60) == b"hello"


@pytest.mark.parametrize("end", ["", "raise ZeroDivisionError"])
def test_program_with_an_open_file_exits(fs: LakeFSFileSystem, url: str, end: str) -> None:
    program = f"import fsspec\nfile = fsspec.open('{url}/x', 'wb').open()\nfile.write(b'half')\n{end}"
    ended = subprocess.run([sys.executable, "-c", program], timeout=15, check=False, capture_output=True, text=True)
    assert ended.returncode == (1 if end else 0), ended.stderr
    assert not fs.exists(f"{url}/x")


def test_threads(fs: LakeFSFileSystem, url: str) -> None:
    def write_and_read(n: int) -> bool:
        path, data = f"{url}/{n}", str(n).encode() * 1000
        with fsspec.open(path, "wb") as file:
            file.write(data)
        with fsspec.open(path) as file:
            return bool(file.read() == data)

    with ThreadPoolExecutor(16) as pool:
        assert all(pool.map(write_and_read, range(64)))
    assert len(fs.find(url)) == 64


def test_one_event_loop_after_another(fs: LakeFSFileSystem, url: str, server: Any) -> None:
    fs.pipe(f"{url}/x", b"hello")
    ours = LakeFSFileSystem(server.url, asynchronous=True)
    for _ in range(2):
        assert asyncio.run(ours._cat_file(f"{url}/x")) == b"hello"


def test_progress(fs: LakeFSFileSystem, url: str, tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(DATA)
    sent = TqdmCallback(tqdm_kwargs={"unit": "B"})
    fs.put_file(str(tmp_path / "x"), f"{url}/x", callback=sent)
    got = TqdmCallback(tqdm_kwargs={"unit": "B"})
    fs.get_file(f"{url}/x", str(tmp_path / "y"), callback=got)
    for callback in (sent, got):
        assert (callback.size, callback.value) == (len(DATA), len(DATA))
        assert callback.tqdm.n == callback.tqdm.total == len(DATA)
        callback.close()


def test_progress_of_a_directory(fs: LakeFSFileSystem, url: str, tmp_path: Path) -> None:
    fs.pipe({f"{url}/x/{n}": b"data" for n in range(5)})
    with TqdmCallback() as got:
        fs.get(f"{url}/x", str(tmp_path / "x"), recursive=True, callback=got)
        assert (got.size, got.value) == (5, 5)


def test_transactions_of_fsspec(fs: LakeFSFileSystem, url: str) -> None:
    with fs.transaction:
        with fs.open(f"{url}/a", "wb") as file:
            file.write(b"a")
        assert not fs.exists(f"{url}/a")
    assert fs.cat(f"{url}/a") == b"a"
    with pytest.raises(ZeroDivisionError), fs.transaction:
        _ = fs.open(f"{url}/b", "wb").write(b"b") / 0
    assert not fs.exists(f"{url}/b")


def test_tools_in_a_transaction(fs: LakeFSFileSystem, repo: str, url: str, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("hello")
    with fs.transaction(repo, "main") as tx:
        rsync(f"file://{tmp_path}", tx.path("there"))
        with fsspec.open(tx.path("b.txt.gz"), "wt", compression="infer") as file:
            file.write("text")
        assert fs.find(f"{url}") == []
    assert fs.cat(f"{url}/there/a.txt") == b"hello"
    with fsspec.open(f"{url}/b.txt.gz", "rt", compression="infer") as file:
        assert file.read() == "text"
