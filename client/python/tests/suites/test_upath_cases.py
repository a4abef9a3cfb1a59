"""universal_pathlib's own tests, with a real server. Only its source distribution contains them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import upath
from fsspec.implementations.memory import MemoryFileSystem
from upath import UPath

(SOURCES,) = Path(sys.prefix).glob("sources/universal_pathlib-*/upath")
upath.__path__.append(str(SOURCES))

from upath.tests.cases import BaseTests  # noqa: E402  (after their path is added)
from upath.tests.utils import OverrideMeta, overrides_base  # noqa: E402

from lakeport.upath import LakeFSPath  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Iterator

FILES = {
    "file1.txt": "hello world",
    "file2.txt": "hello world",
    "folder1/file1.txt": "file1.txt",
    "folder1/file2.txt": "file2.txt",
}
_NO_ANCHOR = "a lakeFS path begins with its repository and no slash, so pathlib treats it as relative without its protocol"
_EXPECTED = {
    "test_rename_with_target_absolute[plain_upath_absolute]": _NO_ANCHOR,
    "test_rename_with_target_absolute[plain_path_absolute]": _NO_ANCHOR,
}
"""Tests that cannot pass, with the reasons."""


@pytest.fixture
def pathlib_base(tmp_path: Path) -> Path:
    """The same files in a local directory, for comparison with pathlib."""
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


@pytest.fixture
def local_testdir(pathlib_base: Path) -> str:
    return str(pathlib_base)


@pytest.fixture
def clear_fsspec_memory_cache() -> Iterator[None]:
    yield
    MemoryFileSystem.store.clear()
    MemoryFileSystem.pseudo_dirs[:] = [""]


class TestCases(BaseTests, metaclass=OverrideMeta):  # type: ignore[metaclass, misc]
    SUPPORTS_EMPTY_DIRS = False

    @pytest.fixture(autouse=True)
    def path(self, request: pytest.FixtureRequest, server: Any, repo: str) -> None:
        if why := _EXPECTED.get(request.node.name):
            request.applymarker(pytest.mark.xfail(reason=why, strict=True))
        path = UPath(f"lakefs://{repo}/main/dir", host=server.url)
        for name, text in FILES.items():
            (path / name).write_text(text)
        # The tests read `self.path`, so the value replaces the fixture of the same name.
        self.path = path

    @overrides_base  # type: ignore[untyped-decorator]
    def test_is_correct_class(self) -> None:
        assert isinstance(self.path, LakeFSPath)
