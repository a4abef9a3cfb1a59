"""pyarrow's own cases for file systems, over the real service, through fsspec as its datasets and `pq.read_table` use it."""

from __future__ import annotations

import inspect
import pickle
from collections.abc import Callable
from typing import Any

import pytest
from pyarrow.fs import FSSpecHandler, PyFileSystem
from pyarrow.tests import test_fs as cases

from lakeport import LakeFSFileSystem

pickle_with_and_without_subtree_filesystem = cases.pickle_with_and_without_subtree_filesystem

_EXPECTED: dict[str, str] = {}


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
