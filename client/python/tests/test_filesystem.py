"""Tests of the file system for what lakeFS adds, and what fsspec's suites leave out."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import io
import json
import multiprocessing
import pickle
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import fsspec
import pytest
from fsspec.callbacks import Callback

import lakeport
from lakeport import LakeFSFileSystem
from servers import Server

if TYPE_CHECKING:
    from pathlib import Path


def test_protocol_resolves_to_lakeport_if_lakefs_spec_is_installed() -> None:
    assert fsspec.get_filesystem_class("lakefs") is LakeFSFileSystem


def test_paths_with_and_without_scheme(fs: LakeFSFileSystem, repo: str) -> None:
    fs.pipe(f"lakefs://{repo}/main/a/b.txt", b"1")
    assert fs.cat(f"{repo}/main/a/b.txt") == b"1"
    assert fs.cat(f"/{repo}/main/a/b.txt") == b"1"
    assert LakeFSFileSystem._strip_protocol(["lakefs://r/main/", "r/main"]) == ["r/main", "r/main"]
    assert fs.unstrip_protocol(f"{repo}/main/a/b.txt") == f"lakefs://{repo}/main/a/b.txt"
    assert fs._parent(f"lakefs://{repo}/main/a/b.txt") == f"{repo}/main/a"


def test_keys_are_opaque(fs: LakeFSFileSystem, client: lakeport.Client, repo: str) -> None:
    names = ["a b", "a+b", "a%2Fb", "ü/π", "a//b", "../up", "..", "a\nb", "a'\"b", "x*y", "q?"]
    for name in names:
        fs.pipe(f"{repo}/main/keys/{name}", name.encode())
    assert {info.path for info in client.files(repo, "main").list()} == {f"keys/{name}" for name in names}
    for name in names:
        assert fs.cat_file(f"{repo}/main/keys/{name}") == name.encode()
        assert fs.info(f"{repo}/main/keys/{name}")["size"] == len(name.encode())


def test_info_of_an_object(fs: LakeFSFileSystem, client: lakeport.Client, repo: str) -> None:
    before = datetime.datetime.now(tz=datetime.timezone.utc) - datetime.timedelta(seconds=2)
    fs.pipe_file(f"{repo}/main/a.txt", b"1", content_type="text/plain", metadata={"by": "me"})
    info = fs.info(f"{repo}/main/a.txt")
    assert info["name"] == f"{repo}/main/a.txt"
    assert (info["type"], info["size"], info["content-type"], info["metadata"]) == ("file", 1, "text/plain", {"by": "me"})
    assert info["checksum"] == "c4ca4238a0b923820dcc509a6f75849b" == fs.checksum(f"{repo}/main/a.txt")
    assert before <= fs.modified(f"{repo}/main/a.txt") == fs.created(f"{repo}/main/a.txt")
    assert fs.checksum(f"{repo}/main") is None
    assert fs.checksum(f"{repo}/main/none") is None
    commit = client.versions.create_commit(repo, "main", "One").commit_id
    assert fs.info(f"{repo}/{commit}/a.txt")["commit"] == commit
    assert fs.ls(f"{repo}/{commit}")[0]["commit"] == commit


def test_user_metadata(fs: LakeFSFileSystem, repo: str) -> None:
    path = f"{repo}/main/a.txt"
    with fs.open(path, "wb", metadata={"one": "1"}, content_type="text/x-test") as file:
        file.write(b"1")
    assert fs.metadata(path) == {"one": "1"}
    fs.setxattr(path, two="2")
    assert fs.getxattr(path, "two") == "2"
    fs.setxattr(path, one=None)
    assert fs.metadata(path) == {"two": "2"}
    assert fs.getxattr(path, "one") is None
    assert fs.info(path)["content-type"] == "text/x-test"


def test_repositories_refs_and_folders(fs: LakeFSFileSystem, client: lakeport.Client, repo: str) -> None:
    fs.pipe({f"{repo}/main/{key}": b"1" for key in ("a", "d/b", "d/e/c")})
    client.versions.create_commit(repo, "main", "One")
    client.versions.create_tag(repo, "v1", "main")
    assert f"{repo}/" in fs.ls("", detail=False)
    assert fs.ls(repo, detail=False) == fs.ls(f"{repo}/", detail=False) == [f"{repo}/main/", f"{repo}/v1/"]
    for ref in ("main", "v1", "main~0", "main@"):
        assert fs.ls(f"{repo}/{ref}", detail=False) == [f"{repo}/{ref}/a", f"{repo}/{ref}/d/"]
        assert fs.isdir(f"{repo}/{ref}/d")
    assert fs.ls(f"{repo}/main/d", detail=False) == [f"{repo}/main/d/b", f"{repo}/main/d/e/"]
    assert fs.ls(f"{repo}/main/a", detail=False) == [f"{repo}/main/a"]
    assert fs.ls(f"{repo}/main", detail=False, recursive=True) == [
        f"{repo}/main/{key}" for key in ("a", "d/", "d/b", "d/e/", "d/e/c")
    ]
    assert [fs.exists(path) for path in (repo, f"{repo}/main", f"{repo}/main/d/", f"{repo}/none", "no-such-repo")] == [
        True,
        True,
        True,
        False,
        False,
    ]
    assert fs.glob(f"{repo}/*/d/b") == [f"{repo}/main/d/b", f"{repo}/v1/d/b"]


def test_find_walk_glob_and_du(fs: LakeFSFileSystem, repo: str) -> None:
    root = f"{repo}/main/t"
    fs.pipe({f"{root}/{key}": b"12" for key in ("a", "d/b", "d/e/c", "do/x")})
    assert fs.find(root) == [f"{root}/{key}" for key in ("a", "d/b", "d/e/c", "do/x")]
    assert fs.find(root, maxdepth=1) == [f"{root}/a"]
    assert fs.find(root, maxdepth=2) == [f"{root}/a", f"{root}/d/b", f"{root}/do/x"]
    assert fs.find(root, maxdepth=1, withdirs=True) == [root, f"{root}/a", f"{root}/d", f"{root}/do"]
    assert fs.find(root, maxdepth=2, withdirs=True) == [
        root,
        *(f"{root}/{key}" for key in ("a", "d", "d/b", "d/e", "do", "do/x")),
    ]
    assert fs.find(f"{root}/a") == [f"{root}/a"]
    assert fs.find(f"{root}/none") == []
    assert list(fs.walk(root)) == [
        (root, ["d", "do"], ["a"]),
        (f"{root}/d", ["e"], ["b"]),
        (f"{root}/d/e", [], ["c"]),
        (f"{root}/do", [], ["x"]),
    ]
    assert [top for top, _, _ in fs.walk(root, topdown=False)][-1] == root
    assert [top for top, _, _ in fs.walk(root, maxdepth=1)] == [root]
    pruned = []
    for top, folders, _ in fs.walk(root):
        folders[:] = [name for name in folders if name != "d"]
        pruned.append(top)
    assert pruned == [root, f"{root}/do"]
    with pytest.raises(FileNotFoundError):
        list(fs.walk(f"{root}/none", on_error="raise"))
    assert fs.glob(f"{root}/d*") == [f"{root}/d", f"{root}/do"]
    assert fs.glob(f"{root}/**/[bc]") == [f"{root}/d/b", f"{root}/d/e/c"]
    assert fs.glob(f"{root}/?/b") == [f"{root}/d/b"]
    assert fs.du(root) == 8
    assert fs.du(root, total=False)[f"{root}/a"] == 2


def test_tree_shows_names_of_directories(fs: LakeFSFileSystem, repo: str) -> None:
    fs.pipe({f"{repo}/main/{key}": b"12" for key in ("a", "d/b", "d/e/c")})
    assert fs.tree(f"{repo}/main") == f"{repo}/main\n├── d\n│   ├── e\n│   └── b\n└── a"
    shown = fs.tree(f"lakefs://{repo}/main/", recursion_limit=3, display_size=True)
    assert shown.splitlines()[1:] == [
        "├── d (1 file, 1 subfolder)",
        "│   ├── e (1 file)",
        "│   │   └── c (2B)",
        "│   └── b (2B)",
        "└── a (2B)",
    ]
    assert f"── {repo}" in fs.tree(recursion_limit=1, max_display=None)


def test_ranges_follow_python_slices(fs: LakeFSFileSystem, repo: str) -> None:
    path, data = f"{repo}/main/a", b"0123456789"
    fs.pipe(path, data)
    for start in (None, 0, 3, 10, 15, -3, -15):
        for end in (None, 0, 3, 7, 15, -2, -15):
            assert fs.cat_file(path, start, end) == data[start:end], (start, end)
    assert fs.head(path, 4) == data[:4]
    assert fs.tail(path, 4) == data[-4:]
    fs.pipe(f"{path}-empty", b"")
    assert fs.cat(f"{path}-empty") == fs.cat_file(f"{path}-empty", 0, 5) == b""


def test_batch_reads_and_writes(fs: LakeFSFileSystem, repo: str) -> None:
    small = {f"{repo}/main/many/{index:04}": f"{index}".encode() for index in range(500)}
    large = {f"{repo}/main/many/large": b"x" * (5 << 20), f"{repo}/main/many/next": b"y" * (2 << 20)}
    fs.pipe({**small, **large})
    assert fs.cat(list(small) + list(large)) == {**small, **large}
    assert fs.cat(f"{repo}/main/many", recursive=True) == {**small, **large}
    assert fs.cat(f"{repo}/main/many/000?") == {path: small[path] for path in list(small)[:10]}
    assert [info["size"] for info in fs.infos(list(small)[:20])] == [len(data) for data in list(small.values())[:20]]
    first, missing = next(iter(small)), f"{repo}/main/many/none"
    with pytest.raises(FileNotFoundError, match="none"):
        fs.cat([missing, *small])
    assert fs.cat([missing, first], on_error="omit") == {first: b"0"}
    assert isinstance(fs.cat([missing, first], on_error="return")[missing], FileNotFoundError)
    with pytest.raises(FileExistsError):
        fs.pipe({first: b"", f"{repo}/main/many/new": b""}, mode="create")
    with pytest.raises(IsADirectoryError):
        fs.cat([f"{repo}/main/many", *small])


def test_cat_ranges(fs: LakeFSFileSystem, repo: str) -> None:
    data = bytes(range(256)) * 16
    a, b = f"{repo}/main/a", f"{repo}/main/b"
    fs.pipe({a: data, b: data[::-1]})
    paths = [a, b, a, a, b, a, f"{a}-none", a, a]
    starts = [0, 10, 100, 50, 20, 4000, 0, -5, 4096]
    ends: list[int | None] = [10, 20, 200, 60, 25, None, 5, None, 5000]
    found = fs.cat_ranges(paths, starts, ends)
    for path, start, end, piece in zip(paths, starts, ends, found, strict=True):
        if path.endswith("none"):
            assert isinstance(piece, FileNotFoundError)
        else:
            assert piece == (data if path == a else data[::-1])[start:end]
    assert fs.cat_ranges([a, a], [0, 5], [10, 15]) == [data[0:10], data[5:15]]
    assert fs.cat_ranges([a, b], None, None) == [data, data[::-1]]
    with pytest.raises(FileNotFoundError):
        fs.cat_ranges([f"{a}-none"], [0], [1], on_error="raise")


def test_open_files(fs: LakeFSFileSystem, repo: str) -> None:
    path, data = f"{repo}/main/a.bin", bytes(range(256)) * (40 << 10)
    with fs.open(path, "wb") as file:
        for start in range(0, len(data), 1 << 20):
            file.write(data[start : start + (1 << 20)])
        assert not fs.exists(path)
    with fs.open(path) as file:
        assert file.size == len(data)
        assert file.read(10) == data[:10]
        file.seek(-10, 2)
        assert file.read() == data[-10:]
        file.seek(3 << 20)
        assert file.read(100) == data[3 << 20 : (3 << 20) + 100]
        file.seek(0)
        assert file.read() == data
    for cache in ("none", "bytes", "readahead", "blockcache", "all", "mmap", "first", "background"):
        with fs.open(path, cache_type=cache) as file:
            file.seek(len(data) // 2)
            assert file.read(1000) == data[len(data) // 2 : len(data) // 2 + 1000], cache
    with fs.open(f"{path}.txt", "w", encoding="utf-16", newline="\r\n") as text:
        text.write("ü\n")
    assert fs.cat(f"{path}.txt").decode("utf-16") == "ü\r\n"
    with fs.open(f"{path}.gz", "wb", compression="gzip") as file:
        file.write(b"compressed")
    with fs.open(f"{path}.gz", "rt", compression="gzip") as text:
        assert text.read() == "compressed"
    with fs.open(f"{path}.new", "xt") as text, pytest.raises(FileExistsError):
        fs.open(f"{path}.gz", "xb")
    assert isinstance(text, io.TextIOWrapper)


def test_exception_in_file_block_discards_the_file(fs: LakeFSFileSystem, repo: str) -> None:
    path = f"{repo}/main/half.txt"
    for mode in ("wb", "w"):
        with pytest.raises(RuntimeError), fs.open(path, mode) as file:
            file.write(b"half" if mode == "wb" else "half")
            raise RuntimeError
        assert not fs.exists(path)


def test_object_replaced_during_read_raises_conflict(fs: LakeFSFileSystem, client: Any, repo: str) -> None:
    path = f"{repo}/main/a.bin"
    fs.pipe(path, b"x" * (8 << 20))
    with fs.open(path, cache_type="none") as file:
        assert file.read(10) == b"x" * 10
        client.files(repo, "main").write("a.bin", b"y" * (8 << 20))
        file.seek(4 << 20)
        with pytest.raises(lakeport.ConflictError) as raised:
            file.read(10)
        assert raised.value.reason == "ETAG_MISMATCH"
    assert fs.cat(path) == b"y" * (8 << 20)


def test_put_file_and_get_file(fs: LakeFSFileSystem, repo: str, tmp_path: Path) -> None:
    local, back = tmp_path / "up.bin", tmp_path / "down.bin"
    local.write_bytes(b"x" * (3 << 20))

    class Seen(Callback):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.most = 0

        def call(self, *_: object, **__: object) -> None:
            self.most = max(self.most, self.value)

    up, down = Seen(), Seen()
    fs.put_file(str(local), f"{repo}/main/a.bin", callback=up)
    fs.get_file(f"{repo}/main/a.bin", str(back), callback=down)
    assert (up.size, up.value) == (down.size, down.value) == (3 << 20, 3 << 20)
    assert back.read_bytes() == local.read_bytes()
    with pytest.raises(FileExistsError):
        fs.put_file(local, f"{repo}/main/a.bin", mode="create")
    # With `precheck`, a file that has the same checksum is not downloaded.
    stamp = back.stat().st_mtime_ns
    fs.get_file(f"{repo}/main/a.bin", back, precheck=True)
    assert back.stat().st_mtime_ns == stamp
    sink = io.BytesIO()
    fs.get_file(f"{repo}/main/a.bin", None, outfile=sink)
    assert sink.getvalue() == local.read_bytes()
    with pytest.raises(FileNotFoundError):
        fs.get_file(f"{repo}/main/none", tmp_path / "none")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["down.bin", "up.bin"]


def test_copies_and_moves(fs: LakeFSFileSystem, client: lakeport.Client, repo: str) -> None:
    root = f"{repo}/main"
    fs.pipe({f"{root}/d/{key}": key.encode() for key in ("a", "e/b")})
    fs.cp_file(f"{root}/d/a", f"{root}/copy")
    assert fs.cat(f"{root}/copy") == b"a"
    fs.copy(f"{root}/d", f"{root}/new", recursive=True)
    fs.copy(f"{root}/d", f"{root}/new", recursive=True)
    assert fs.find(f"{root}/new") == [f"{root}/new/{key}" for key in ("a", "d/a", "d/e/b", "e/b")]
    fs.mv(f"{root}/copy", f"{root}/moved")
    assert not fs.exists(f"{root}/copy")
    assert fs.cat(f"{root}/moved") == b"a"
    fs.mv(f"{root}/new", f"{root}/newer", recursive=True)
    assert fs.find(f"{root}/new") == []
    assert len(fs.find(f"{root}/newer")) == 4
    client.versions.create_commit(repo, "main", "One")
    client.versions.create_branch(repo, "side", "main")
    fs.copy(f"{root}/d", f"{repo}/side/from-main", recursive=True)
    assert len(fs.find(f"{repo}/side/from-main")) == 2
    with fs.transaction(repo, "main") as tx:
        fs.copy(f"{repo}/side/from-main", tx.path("back"), recursive=True)
        fs.cp_file(tx.path("back/a"), tx.path("back/c"))
        fs.cp_file(tx.path("d/a"), f"{repo}/side/out-of-it")
    assert len(fs.find(f"{root}/back")) == 3
    assert fs.cat(f"{repo}/side/out-of-it") == b"a"
    with pytest.raises(FileNotFoundError):
        fs.copy(f"{root}/none", f"{root}/x", recursive=True)
    with pytest.raises(FileNotFoundError):
        fs.mv(f"{root}/none", f"{root}/x")
    with pytest.raises(FileNotFoundError):
        fs.cp_file(f"{root}/none", f"{root}/x")


def test_deletes_affect_only_named_paths(fs: LakeFSFileSystem, repo: str) -> None:
    root = f"{repo}/main"
    fs.pipe({f"{root}/{key}": b"1" for key in ("x/file1", "x/file10", "x1/a", "x/d/a", "y")})
    fs.rm(f"{root}/x/file1")
    assert fs.find(f"{root}/x") == [f"{root}/x/d/a", f"{root}/x/file10"]
    fs.rm(f"{root}/x", recursive=True)
    assert fs.find(root) == [f"{root}/x1/a", f"{root}/y"]
    fs.pipe({f"{root}/l/{key}": b"1" for key in ("a", "b", "c", "d/e")})
    fs.rm([f"{root}/l/a", f"{root}/l/b"])
    assert fs.find(f"{root}/l") == [f"{root}/l/c", f"{root}/l/d/e"]
    fs.rm(f"{root}/l", recursive=True, maxdepth=1)
    assert fs.find(f"{root}/l") == [f"{root}/l/d/e"]
    fs.pipe({f"{root}/g/{key}": b"1" for key in ("a1", "a2", "b", "ad/e")})
    fs.rm(f"{root}/g/a*")
    assert fs.find(f"{root}/g") == [f"{root}/g/ad/e", f"{root}/g/b"]
    fs.rm(f"{root}/g/a*", recursive=True)
    assert fs.find(f"{root}/g") == [f"{root}/g/b"]
    fs.rm_file(f"{root}/g/b")
    fs.rm(root, recursive=True)
    assert fs.find(root) == []


def test_missing_branch_is_created_if_allowed(
    fs: LakeFSFileSystem, server: Server, client: lakeport.Client, repo: str, tmp_path: Path
) -> None:
    fs.pipe(f"{repo}/main/base.txt", b"1")
    client.versions.create_commit(repo, "main", "One")
    fs.pipe(f"{repo}/made-a/a.txt", b"1")
    assert fs.find(f"{repo}/made-a") == [f"{repo}/made-a/a.txt", f"{repo}/made-a/base.txt"]
    with fs.open(f"{repo}/made-b/a.txt", "w") as file:
        file.write("1")
    (tmp_path / "up").write_bytes(b"1")
    fs.put_file(tmp_path / "up", f"{repo}/made-c/a.txt")
    assert [branch.name for branch in client.versions.branches(repo)] == ["made-a", "made-b", "made-c", "main"]
    strict = LakeFSFileSystem(server.url, create_branch_ok=False)
    with pytest.raises(FileNotFoundError, match="made-d"):
        strict.pipe(f"{repo}/made-d/a.txt", b"1")
    other = LakeFSFileSystem(server.url, source_branch="made-a")
    other.pipe(f"{repo}/made-e/b.txt", b"1")
    assert other.exists(f"{repo}/made-e/base.txt")


def test_cache_lifetime_and_invalidation(server: Server, client: lakeport.Client, repo: str) -> None:
    fs = LakeFSFileSystem(server.url, listings_expiry_time=0.3)
    files, path = client.files(repo, "main"), f"{repo}/main/d/a"
    fs.pipe(path, b"1")
    assert (fs.info(path)["size"], len(fs.ls(f"{repo}/main/d"))) == (1, 1)
    fs.info(path)["size"] = 100
    fs.ls(f"{repo}/main/d").clear()
    assert (fs.info(path)["size"], len(fs.ls(f"{repo}/main/d"))) == (1, 1)
    files.write("d/a", b"22")
    files.write("d/b", b"1")
    assert fs.info(path)["size"] == 1
    time.sleep(0.4)
    assert (fs.info(path)["size"], len(fs.ls(f"{repo}/main/d"))) == (2, 2)
    files.write("d/c", b"1")
    assert len(fs.ls(f"{repo}/main/d", refresh=True)) == 3
    fs.rm(f"{repo}/main/d/b")
    assert len(fs.ls(f"{repo}/main/d")) == 2
    files.write("d/e", b"1")
    fs.invalidate_cache(f"{repo}/main/d")
    assert len(fs.ls(f"{repo}/main/d")) == 3
    # Metadata at a commit never changes.
    commit = client.versions.create_commit(repo, "main", "One").commit_id
    assert fs.info(f"{repo}/{commit}/d/a")["size"] == 2
    none = LakeFSFileSystem(server.url, use_listings_cache=False)
    none.info(path)["size"] = 0
    assert none.info(path)["size"] == 2
    files.write("d/a", b"333")
    assert none.info(path)["size"] == 3
    # A read after the write returns the new version.
    with fs.open(path) as file:
        assert file.read() == b"333"


@pytest.mark.parametrize("kind", ["branch", "tag"])
def test_names_like_commit_ids_are_not_cached_forever(server: Server, client: lakeport.Client, repo: str, kind: str) -> None:
    fs, name = LakeFSFileSystem(server.url, listings_expiry_time=0.3), "0123456789abcdef" * 4
    path = f"{repo}/{name}/d/a"

    def write(data: bytes) -> None:
        """Writes an object at the ref, as another client."""
        client.files(repo, "main" if kind == "tag" else name).write("d/a", data)
        if kind == "tag":
            client.versions.create_commit(repo, "main", "One")
            with contextlib.suppress(FileNotFoundError):
                client.versions.delete_tag(repo, name)
            client.versions.create_tag(repo, name, "main")

    if kind == "branch":
        client.versions.create_branch(repo, name, "main")
    for data in (b"1", b"22", b"333"):
        write(data)
        time.sleep(0.4)
        assert "commit" not in fs.info(path)
        assert fs.info(path)["size"] == len(data)
        assert [info["size"] for info in fs.ls(f"{repo}/{name}/d")] == [len(data)]
        assert fs.du(f"{repo}/{name}") == len(data)
        assert fs.cat(path) == data
        with fs.open(path) as file:
            assert file.read() == data
    commit = (
        client.versions.commit(repo, name).commit_id
        if kind == "tag"
        else client.versions.create_commit(repo, name, "One").commit_id
    )
    assert fs.info(f"{repo}/{commit}/d/a")["commit"] == commit
    assert [info["commit"] for info in fs.ls(f"{repo}/{commit}/d")] == [commit]


def test_touch_and_unsupported_operations(fs: LakeFSFileSystem, repo: str) -> None:
    path = f"{repo}/main/a"
    fs.touch(path)
    assert fs.size(path) == 0
    fs.pipe(path, b"1")
    before = fs.info(path)
    fs.touch(path, truncate=False)
    assert fs.info(path, refresh=True) == before
    fs.touch(f"{path}-new", truncate=False)
    assert fs.cat(f"{path}-new") == b""
    fs.touch(path)
    assert fs.size(path) == 0
    fs.mkdir(f"{repo}/main/empty")
    fs.makedirs(f"{repo}/main/empty/too", exist_ok=True)
    assert not fs.exists(f"{repo}/main/empty")
    # A new directory can be listed, but no other missing one.
    assert fs.ls(f"{repo}/main/empty") == fs.ls(f"{repo}/main/empty/too") == []
    fs.rmdir(f"{repo}/main/empty")
    for name in ("empty", "other"):
        with pytest.raises(FileNotFoundError):
            fs.ls(f"{repo}/main/{name}")
    for mode in ("ab", "r+b", "a", "w+"):
        with pytest.raises(NotImplementedError, match="appended"):
            fs.open(path, mode)
    with pytest.raises(NotImplementedError):
        fs.sign(path)


def test_file_systems_and_open_files_can_be_pickled(fs: LakeFSFileSystem, repo: str) -> None:
    fs.pipe(f"{repo}/main/a.txt", b"0123456789")
    again = pickle.loads(pickle.dumps(fs))  # noqa: S301
    assert again is fs
    assert fsspec.AbstractFileSystem.from_json(fs.to_json()).cat(f"{repo}/main/a.txt") == b"0123456789"
    assert "password" not in json.dumps(fs.to_dict())
    with fs.open(f"{repo}/main/a.txt") as file:
        file.seek(5)
        copied = pickle.loads(pickle.dumps(file))  # noqa: S301
        assert copied.tell() == 5
        assert copied.read() == b"56789"
        kept = pickle.dumps(file)
    fs.pipe(f"{repo}/main/a.txt", b"another one")
    with pytest.raises(lakeport.ConflictError):
        # Bytes of two versions must not be mixed.
        pickle.loads(kept).read()  # noqa: S301
    with fs.open(f"{repo}/main/b.txt", "wb") as file, pytest.raises(TypeError, match="open for writing"):
        pickle.dumps(file)
    fs.pipe(f"{repo}/main/a.txt", b"0123456789")
    opened = fsspec.open(f"lakefs://{repo}/main/a.txt", host=fs.host)
    with pickle.loads(pickle.dumps(opened)) as file:  # noqa: S301
        assert file.read() == b"0123456789"


def test_two_objects_with_one_local_path_raise_an_error(fs: LakeFSFileSystem, repo: str, tmp_path: Path) -> None:
    fs.pipe({f"{repo}/main/t/a//b": b"1", f"{repo}/main/t/c": b"2"})
    fs.get(f"{repo}/main/t", str(tmp_path / "t"), recursive=True)
    assert (tmp_path / "t/a/b").read_bytes() == b"1"
    fs.pipe(f"{repo}/main/t/a/b", b"3")
    with pytest.raises(ValueError, match="download one of them to another name"):
        fs.get(f"{repo}/main/t", str(tmp_path / "again"), recursive=True)
    # One of the two local files exists, and would not be downloaded.
    (tmp_path / "x").write_bytes(b"3")
    with pytest.raises(ValueError, match="download one of them to another name"):
        fs.get([f"{repo}/main/t/a/b", f"{repo}/main/t/a//b"], [str(tmp_path / "x")] * 2, precheck=True)
    assert (tmp_path / "x").read_bytes() in {b"1", b"3"}


def test_threads_share_a_file_system(fs: LakeFSFileSystem, repo: str) -> None:
    together = threading.Barrier(16)

    def work(index: int) -> bool:
        together.wait(60)
        path = f"{repo}/main/{index}"
        for turn in range(10):
            fs.pipe(path, f"{turn}".encode())
            if fs.cat(path) != f"{turn}".encode() or fs.info(path)["size"] != 1:
                return False
        return True

    with ThreadPoolExecutor(16) as pool:
        assert all(pool.map(work, range(16)))


def _child(url: str, path: str, queue: Any) -> None:
    queue.put(fsspec.filesystem("lakefs", host=url).cat(path))


def test_forked_process_opens_its_own_connections(fs: LakeFSFileSystem, server: Server, repo: str) -> None:
    path = f"{repo}/main/a"
    fs.pipe(path, b"1")
    context = multiprocessing.get_context("fork")
    for _ in range(3):
        queue = context.Queue()
        child = context.Process(target=_child, args=(server.url, path, queue))
        child.start()
        assert queue.get(timeout=60) == b"1"
        child.join(60)
        assert child.exitcode == 0
        assert fs.cat(path) == b"1"


def _cut_off(url: str, path: str, queue: Any) -> None:
    try:
        queue.put(fsspec.filesystem("lakefs", host=url).cat(path))
    except ConnectionError as error:
        queue.put(str(error))


def test_process_forked_during_calls_raises_an_error(fs: LakeFSFileSystem, server: Server, client: Any, repo: str) -> None:
    fs.pipe(f"{repo}/main/a", b"x" * (64 << 20))
    pieces = iter(client.files(repo, "main").open_read("a"))
    assert next(pieces)
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    child = context.Process(target=_cut_off, args=(server.url, f"{repo}/main/a", queue))
    child.start()
    assert "forked while calls to lakeport were in flight" in queue.get(timeout=60)
    child.join(60)
    # Calls in the parent continue.
    assert sum(len(piece) for piece in pieces) > 0


async def test_asynchronous_file_system(server: Server, repo: str) -> None:
    fs = LakeFSFileSystem(server.url, asynchronous=True)
    path = f"{repo}/main/a"
    await fs._pipe_file(path, b"0123456789")
    file = await fs.open_async(path)
    async with file:
        assert await file.read(4) == b"0123"
        assert await file.read() == b"456789"
    async with await fs.open_async(f"{path}2", "wb") as file:
        await file.write(b"1")
    assert await fs._cat_file(f"{path}2") == b"1"
    with pytest.raises(RuntimeError):
        async with await fs.open_async(f"{path}3", "wb") as file:
            await file.write(b"half")
            raise RuntimeError
    assert not await fs._exists(f"{path}3")
    with pytest.raises(FileExistsError):
        await fs.open_async(path, "xb")
    found = await asyncio.gather(*(fs._info(name) for name in [path, f"{path}2", f"{path}none"]), return_exceptions=True)
    assert [isinstance(each, FileNotFoundError) for each in found] == [False, False, True]


def test_file_system_works_on_successive_event_loops(server: Server, repo: str) -> None:
    fs = LakeFSFileSystem(server.url, asynchronous=True)

    async def work(turn: int) -> bytes:
        await fs._pipe_file(f"{repo}/main/a", f"{turn}".encode())
        found = await fs._cat_file(f"{repo}/main/a")
        assert isinstance(found, bytes)
        return found

    assert [asyncio.run(work(turn)) for turn in range(3)] == [b"0", b"1", b"2"]
