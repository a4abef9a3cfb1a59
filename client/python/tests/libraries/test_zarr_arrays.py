"""zarr: arrays and groups, by URL and through a store."""

from __future__ import annotations

from typing import Any

import numpy as np
import zarr
from zarr.storage import FsspecStore

from lakeport import LakeFSFileSystem

DATA: Any = np.arange(10_000, dtype="i4").reshape(100, 100)


def test_an_array(url: str) -> None:
    array: Any = zarr.create_array(f"{url}/x.zarr", data=DATA, chunks=(30, 30))
    array[:2] = 7
    found: Any = zarr.open_array(f"{url}/x.zarr", mode="r")
    assert (found[:2] == 7).all()
    assert (found[2:] == DATA[2:]).all()


def test_a_group(url: str, server: Any) -> None:
    store = FsspecStore.from_url(f"{url}/group.zarr", storage_options={"host": server.url})
    group = zarr.create_group(store)
    group.create_array("a", data=DATA)
    group.create_group("deep").create_array("b", data=DATA)
    found = zarr.open_group(f"{url}/group.zarr", mode="r")
    assert sorted(found.keys()) == ["a", "deep"]
    assert sorted(name for name, _ in found.members(max_depth=None)) == ["a", "deep", "deep/b"]
    array: Any = found["deep/b"]
    assert (array[:] == DATA).all()


def test_overwrite_replaces_the_array(url: str, fs: LakeFSFileSystem) -> None:
    zarr.create_array(f"{url}/x.zarr", data=DATA, chunks=(10, 10))
    assert len(fs.find(f"{url}/x.zarr")) == 101
    zarr.create_array(f"{url}/x.zarr", data=DATA, chunks=(100, 100), overwrite=True)
    assert len(fs.find(f"{url}/x.zarr")) == 2


def test_a_mapper(fs: LakeFSFileSystem, url: str) -> None:
    mapper = fs.get_mapper(f"{url}/x.zarr")
    zarr.create_array(mapper, data=DATA)
    assert "zarr.json" in mapper
    found: Any = zarr.open_array(mapper, mode="r")
    assert (found[:] == DATA).all()


def test_in_a_transaction(fs: LakeFSFileSystem, repo: str, url: str) -> None:
    with fs.transaction(repo, "main") as tx:
        zarr.create_array(tx.path("x.zarr"), data=DATA, chunks=(50, 50))
        inside: Any = zarr.open_array(tx.path("x.zarr"), mode="r")
        assert (inside[:] == DATA).all()
        assert not fs.exists(f"{url}/x.zarr")
    found: Any = zarr.open_array(f"{url}/x.zarr", mode="r")
    assert (found[:] == DATA).all()
