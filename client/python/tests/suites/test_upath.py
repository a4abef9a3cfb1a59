"""Tests of universal_pathlib's paths, in addition to its own tests (`test_upath_cases.py`)."""

from __future__ import annotations

from typing import Any

import pytest
from upath import UPath

from lakeport import LakeFSFileSystem

FILES = {"file1.txt": "hello world", "folder1/file1.txt": "file1.txt", "folder1/deep/file3.csv": "a,b"}


@pytest.fixture
def root(server: Any, repo: str) -> UPath:
    """A directory with files."""
    path = UPath(f"lakefs://{repo}/main/dir", host=server.url)
    for name, text in FILES.items():
        (path / name).write_text(text)
    return path


def test_a_url_is_a_path(server: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAKEPORT_ENDPOINT", server.url)
    path = UPath("lakefs://repo/main/x")
    assert isinstance(path.fs, LakeFSFileSystem)
    assert (path.protocol, path.path, str(path)) == ("lakefs", "repo/main/x", "lakefs://repo/main/x")
    assert UPath(path.as_uri()) == path


def test_levels_above_an_object_are_directories(root: UPath) -> None:
    ref = root.parent
    assert [ref.is_dir(), ref.parent.is_dir()] == [True, True]
    assert {path.name for path in ref.parent.iterdir()} == {"main"}
    assert next(iter(ref.iterdir())).exists()


def test_directory_is_moved(root: UPath) -> None:
    (root / "folder1").move(root / "folder2")
    assert not (root / "folder1").exists()
    assert sorted(path.name for path in (root / "folder2").iterdir()) == ["deep", "file1.txt"]


def test_directory_exists_once_it_has_an_object(root: UPath) -> None:
    path = root / "made" / "deep"
    path.mkdir(parents=True)
    assert not path.exists()
    (path / "a.txt").touch()
    path.mkdir(parents=True, exist_ok=True)
    assert path.is_dir()
    with pytest.raises(FileExistsError):
        path.mkdir()


def test_paths_in_a_transaction(fs: LakeFSFileSystem, server: Any, repo: str) -> None:
    with fs.transaction(repo, "main") as tx:
        inside = UPath(tx.path("folder"), host=server.url)
        (inside / "a.txt").write_text("hello")
        assert [path.name for path in inside.iterdir()] == ["a.txt"]
        assert not UPath(f"lakefs://{repo}/main/folder", host=server.url).exists()
    assert UPath(f"lakefs://{repo}/main/folder/a.txt", host=server.url).read_text() == "hello"
