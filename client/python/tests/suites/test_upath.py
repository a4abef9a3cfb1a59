"""What universal_pathlib's own cases ask of a file system, over the real service: they are not in its wheel."""

from __future__ import annotations

import pickle
import stat
from pathlib import Path
from typing import Any

import pytest
from upath import UPath

from lakeport import LakeFSFileSystem

pytestmark = pytest.mark.filterwarnings("ignore:UPath 'lakefs' filesystem not explicitly implemented:UserWarning")

FILES = {
    "file1.txt": "hello world",
    "file2.txt": "hello world",
    "folder1/file1.txt": "file1.txt",
    "folder1/file2.txt": "file2.txt",
    "folder1/deep/file3.csv": "a,b",
}


@pytest.fixture
def root(server: Any, repo: str) -> UPath:
    """A folder with files, as those cases have it."""
    path = UPath(f"lakefs://{repo}/main/dir", host=server.url)
    for name, text in FILES.items():
        (path / name).write_text(text)
    return path


@pytest.fixture
def local(tmp_path: Path) -> Path:
    """The same on this machine: what pathlib itself answers."""
    path = tmp_path / "dir"
    for name, text in FILES.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_text(text)
    return path


def below(root: Any, found: Any) -> list[str]:
    return sorted(path.relative_to(root).as_posix() for path in found)


# ---- paths by themselves


def test_a_url_is_a_path(server: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAKEPORT_ENDPOINT", server.url)
    path = UPath("lakefs://repo/main/x")
    assert isinstance(path.fs, LakeFSFileSystem)
    assert (path.protocol, path.path, str(path)) == ("lakefs", "repo/main/x", "lakefs://repo/main/x")
    assert UPath(path.as_uri()) == path


def test_joins_and_parents(root: UPath) -> None:
    path = root / "folder1" / "file1.txt"
    assert path == root.joinpath("folder1/file1.txt") == root.joinpath("folder1", "file1.txt")
    assert (path.name, path.stem, path.suffix, path.parent.name) == ("file1.txt", "file1", ".txt", "folder1")
    assert path.parents[1] == path.parent.parent == root
    assert path.with_name("b.zip").name == "b.zip"
    assert path.with_suffix(".gz").name == "file1.gz"
    assert str(path.relative_to(root)) == "folder1/file1.txt"
    assert path.is_relative_to(root)
    assert path.is_absolute()


def test_a_pickled_path_goes_on(root: UPath) -> None:
    path = pickle.loads(pickle.dumps(root / "file1.txt"))  # noqa: S301  (its own)
    assert path == root / "file1.txt"
    assert path.storage_options == root.storage_options
    assert path.read_text() == "hello world"


# ---- looking


def test_what_is_there(root: UPath) -> None:
    assert [root.exists(), root.is_dir(), root.is_file()] == [True, True, False]
    file, missing = root / "file1.txt", root / "missing.txt"
    assert [file.exists(), file.is_dir(), file.is_file()] == [True, False, True]
    assert [missing.exists(), missing.is_dir(), missing.is_file()] == [False, False, False]


def test_the_levels_above_an_object_are_folders(root: UPath) -> None:
    ref = root.parent
    assert [ref.is_dir(), ref.parent.is_dir()] == [True, True]
    assert {path.name for path in ref.parent.iterdir()} == {"main"}
    assert next(iter(ref.iterdir())).exists()


def test_stat(root: UPath) -> None:
    found = (root / "file1.txt").stat()
    assert found.st_size == 11
    assert stat.S_ISREG(found.st_mode)
    assert found.st_mtime > 1_600_000_000
    assert stat.S_ISDIR(root.stat().st_mode)
    with pytest.raises(FileNotFoundError):
        (root / "missing.txt").stat()


@pytest.mark.parametrize("name", ["", "folder1", "folder1/"])
def test_iterdir(root: UPath, local: Path, name: str) -> None:
    found = list((root / name).iterdir())
    assert sorted(path.name for path in found) == sorted(path.name for path in (local / name).iterdir())
    assert all(path.exists() for path in found)


def test_iterdir_of_no_folder(root: UPath) -> None:
    with pytest.raises(NotADirectoryError):
        list((root / "file1.txt").iterdir())


@pytest.mark.parametrize("pattern", ["*", "*.txt", "**/*.txt", "*/*", "folder1/*.txt", "folder?/file[1].txt", "*.missing"])
def test_glob(root: UPath, local: Path, pattern: str) -> None:
    assert below(root, root.glob(pattern)) == below(local, local.glob(pattern))


@pytest.mark.parametrize("pattern", ["*.txt", "*.csv", "deep"])
def test_rglob(root: UPath, local: Path, pattern: str) -> None:
    assert below(root, root.rglob(pattern)) == below(local, local.rglob(pattern))


def test_walk(root: UPath, local: Path) -> None:
    def levels(top: Any, walk: Any) -> list[tuple[str, list[str], list[str]]]:
        return sorted((path.relative_to(top).as_posix(), sorted(dirs), sorted(files)) for path, dirs, files in walk)

    expected = [(".", ["folder1"], ["file1.txt", "file2.txt"]), ("folder1", ["deep"], ["file1.txt", "file2.txt"])]
    expected.append(("folder1/deep", [], ["file3.csv"]))
    found = levels(root, root.walk())
    assert found == expected


# ---- reading and writing


def test_text_and_bytes(root: UPath) -> None:
    path = root / "new" / "ü.txt"
    path.write_text("größe", encoding="latin-1")
    assert path.read_bytes() == "größe".encode("latin-1")
    assert path.read_text(encoding="latin-1") == "größe"
    path.write_bytes(b"\x00\xff")
    assert path.read_bytes() == b"\x00\xff"


def test_open(root: UPath) -> None:
    path = root / "lines.txt"
    with path.open("w") as file:
        file.write("one\ntwo\n")
    with path.open() as file:
        assert list(file) == ["one\n", "two\n"]
    with path.open("rb") as file:
        file.seek(-4, 2)
        assert file.read() == b"two\n"
    with pytest.raises(FileExistsError), path.open("x"):
        pass


def test_touch_and_unlink(root: UPath) -> None:
    path = root / "touched.txt"
    path.touch()
    assert path.read_bytes() == b""
    with pytest.raises(FileExistsError):
        path.touch(exist_ok=False)
    path.unlink()
    assert not path.exists()
    with pytest.raises(FileNotFoundError):
        path.unlink()
    path.unlink(missing_ok=True)


def test_touch_leaves_what_is_there(root: UPath) -> None:
    (root / "file1.txt").touch(exist_ok=True)
    assert (root / "file1.txt").read_text() == "hello world"


def test_rename(root: UPath) -> None:
    source, target = root / "file1.txt", root / "renamed.txt"
    assert source.rename(target) == target
    assert not source.exists()
    assert target.read_text() == "hello world"


def test_a_folder_is_moved(root: UPath) -> None:
    (root / "folder1").move(root / "folder2")
    assert not (root / "folder1").exists()
    assert below(root / "folder2", (root / "folder2").iterdir()) == ["deep", "file1.txt", "file2.txt"]


def test_a_folder_is_there_with_its_first_object(root: UPath) -> None:
    path = root / "made" / "deep"
    path.mkdir(parents=True)
    assert not path.exists()
    (path / "a.txt").touch()
    path.mkdir(parents=True, exist_ok=True)
    assert path.is_dir()


def test_rmdir(root: UPath) -> None:
    with pytest.raises(NotADirectoryError):
        (root / "file1.txt").rmdir()
    with pytest.raises(OSError, match="not empty"):
        (root / "folder1").rmdir(recursive=False)
    (root / "folder1").rmdir()
    assert below(root, root.iterdir()) == ["file1.txt", "file2.txt"]


def test_copies_and_moves_to_this_machine(root: UPath, tmp_path: Path) -> None:
    target = UPath(tmp_path) / "here"
    target.mkdir()
    (root / "folder1").copy_into(target)
    assert (tmp_path / "here/folder1/deep/file3.csv").read_text() == "a,b"
    (root / "file2.txt").move_into(target)
    assert (tmp_path / "here/file2.txt").read_text() == "hello world"
    assert not (root / "file2.txt").exists()


def test_copies_from_this_machine(root: UPath, local: Path) -> None:
    UPath(local / "folder1").copy(root / "sent")
    assert (root / "sent/deep/file3.csv").read_text() == "a,b"


def test_paths_in_a_transaction(fs: LakeFSFileSystem, server: Any, repo: str) -> None:
    with fs.transaction(repo, "main") as tx:
        inside = UPath(tx.path("folder"), host=server.url)
        (inside / "a.txt").write_text("hello")
        assert [path.name for path in inside.iterdir()] == ["a.txt"]
        assert not UPath(f"lakefs://{repo}/main/folder", host=server.url).exists()
    assert UPath(f"lakefs://{repo}/main/folder/a.txt", host=server.url).read_text() == "hello"
