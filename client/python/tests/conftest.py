"""A lakeport server for the tests, with an embedded lake, and a repository for each test that uses one."""

from __future__ import annotations

import os
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import lakeport
from lakeport import LakeFSFileSystem
from servers import LAKEFS, Server, start, stop

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server for all tests."""
    running = start(tmp_path_factory.mktemp("server") / "data", lakefs=LAKEFS)
    yield running
    stop(running)


@pytest.fixture(autouse=True)
def _no_configuration(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The tests ignore the lakeFS configuration of the machine."""
    for name in list(os.environ):
        if name.startswith(("LAKECTL_", "LAKEPORT_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    LakeFSFileSystem.clear_instance_cache()


@pytest.fixture
def client(server: Server) -> Iterator[lakeport.Client]:
    with lakeport.Client(server.url) as made:
        yield made


@pytest.fixture
def fs(server: Server) -> LakeFSFileSystem:
    return LakeFSFileSystem(server.url)


@pytest.fixture
def repo(client: lakeport.Client) -> str:
    """A repository that contains only its first commit."""
    name = f"r{uuid.uuid4().hex[:16]}"
    client.versions.create_repository(name, f"{LAKEFS.namespace}/{name}" if LAKEFS else "")
    return name
