"""pyarrow's own tests for file systems, with a real server, through fsspec as its datasets use it.

Tests that create empty directories or append cannot pass. The tests below cover the same features for directories with objects.
"""

from __future__ import annotations

import inspect
import pickle
from collections.abc import Callable
from typing import Any

import pytest
from pyarrow.fs import FileSelector, FileType, FSSpecHandler, PyFileSystem
from pyarrow.tests import test_fs as cases

from lakeport import LakeFSFileSystem

pickle_with_and_without_subtree_filesystem = cases.pickle_with_and_without_subtree_filesystem

_EMPTY = "lakeFS has no empty directories: a created directory does not exist until it contains an object"
_EXPECTED = {
    "test_create_dir": _EMPTY,
    "test_delete_dir": _EMPTY,
    "test_delete_dir_contents": _EMPTY,
    "test_delete_dir_with_explicit_subdir": _EMPTY,
    "test_filesystem_is_functional_after_pickling": _EMPTY,
    "test_get_file_info": _EMPTY,
    "test_get_file_info_with_selector": _EMPTY,
    "test_move_directory": _EMPTY,
    "test_open_append_stream": "objects cannot be appended to, and pyarrow passes on Python's NotImplementedError",
}
"""Expected failures by test name, with the reasons."""


@pytest.fixture
def fs(server: Any) -> PyFileSystem:
    return PyFileSystem(FSSpecHandler(LakeFSFileSystem(server.url)))


@pytest.fixture
def pathfn(repo: str) -> Callable[[str], str]:
    return f"{repo}/main/".__add__


@pytest.fixture
def allow_move_dir() -> bool:
    return True


@pytest.fixture
def allow_append_to_file() -> bool:
    return False


@pytest.fixture
def pickle_module() -> Any:
    return pickle


for name, case in list(vars(cases).items()):
    if name.startswith("test_") and "fs" in inspect.signature(case).parameters:
        globals()[name] = pytest.mark.xfail(reason=_EXPECTED[name], strict=True)(case) if name in _EXPECTED else case


def test_expected_failures_exist() -> None:
    assert set(_EXPECTED) <= set(globals())


@pytest.fixture
def folder(fs: PyFileSystem, pathfn: Callable[[str], str]) -> str:
    """A directory with an object and a subdirectory with another object."""
    for key in ("folder/a.txt", "folder/deep/b.txt"):
        with fs.open_output_stream(pathfn(key)) as stream:
            stream.write(b"test")
    return pathfn("folder")


def test_directory_with_objects(fs: PyFileSystem, folder: str) -> None:
    found, slash, deep, file, missing = fs.get_file_info([folder, f"{folder}/", f"{folder}/deep", f"{folder}/a.txt", f"{folder}/x"])
    assert [each.type for each in (found, slash, deep)] == [FileType.Directory] * 3
    assert found.size is None
    assert (file.type, file.size, file.extension) == (FileType.File, 4, "txt")
    assert file.mtime is not None
    assert missing.type == FileType.NotFound


@pytest.mark.parametrize("end", ["", "/"])
def test_selector_finds_directories_with_objects(fs: PyFileSystem, folder: str, end: str) -> None:
    def found(*, recursive: bool) -> dict[str, FileType]:
        return {info.path: info.type for info in fs.get_file_info(FileSelector(folder + end, recursive=recursive))}

    first = {f"{folder}/a.txt": FileType.File, f"{folder}/deep": FileType.Directory}
    assert found(recursive=False) == first
    assert found(recursive=True) == {**first, f"{folder}/deep/b.txt": FileType.File}


def test_selector_of_a_missing_directory(fs: PyFileSystem, folder: str) -> None:
    assert fs.get_file_info(FileSelector(f"{folder}/x", allow_not_found=True)) == []
    with pytest.raises(FileNotFoundError):
        fs.get_file_info(FileSelector(f"{folder}/x"))
    with pytest.raises(NotADirectoryError):
        fs.get_file_info(FileSelector(f"{folder}/a.txt"))


@pytest.mark.parametrize("end", ["", "/"])
def test_directory_is_deleted_with_its_objects(fs: PyFileSystem, folder: str, end: str) -> None:
    fs.delete_dir(folder + end)
    assert fs.get_file_info(folder).type == FileType.NotFound
    with pytest.raises(FileNotFoundError):
        fs.delete_dir(folder + end)


def test_directory_contents_are_deleted(fs: PyFileSystem, folder: str) -> None:
    fs.delete_dir_contents(folder)
    assert fs.get_file_info([folder, f"{folder}/deep/b.txt"])[1].type == FileType.NotFound
    fs.delete_dir_contents(folder, missing_dir_ok=True)
    with pytest.raises(FileNotFoundError):
        fs.delete_dir_contents(folder)


@pytest.mark.parametrize("end", ["", "/"])
def test_directory_is_moved(fs: PyFileSystem, folder: str, pathfn: Callable[[str], str], end: str) -> None:
    fs.move(folder + end, pathfn("moved") + end)
    assert fs.get_file_info(folder).type == FileType.NotFound
    paths = {info.path for info in fs.get_file_info(FileSelector(pathfn("moved"), recursive=True))}
    assert paths == {pathfn("moved/a.txt"), pathfn("moved/deep"), pathfn("moved/deep/b.txt")}


def test_append_is_rejected(fs: PyFileSystem, folder: str) -> None:
    with pytest.raises(NotImplementedError, match="appended"):
        fs.open_append_stream(f"{folder}/a.txt")


def test_pickled_file_system_works(fs: PyFileSystem, folder: str) -> None:
    restored = pickle.loads(pickle.dumps(fs))  # noqa: S301  (its own)
    assert restored.get_file_info(folder).type == FileType.Directory
    with restored.open_input_stream(f"{folder}/a.txt") as stream:
        assert stream.read() == b"test"
