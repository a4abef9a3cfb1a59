"""zarr's own test suite for stores, with a real server."""

from __future__ import annotations

from typing import Any

import pytest
from zarr.core.buffer import Buffer, cpu
from zarr.storage import FsspecStore
from zarr.testing.store import StoreTests

from lakeport import LakeFSFileSystem


class TestStore(StoreTests[FsspecStore, cpu.Buffer]):  # type: ignore[misc]
    store_cls = FsspecStore
    buffer_cls = cpu.Buffer

    @pytest.fixture
    def store_kwargs(self, server: Any, repo: str) -> dict[str, Any]:
        return {"fs": LakeFSFileSystem(server.url, asynchronous=True), "path": f"{repo}/main/store"}

    async def set(self, store: FsspecStore, key: str, value: Buffer) -> None:
        await store.fs._pipe_file(f"{store.path}/{key}", value.to_bytes())

    async def get(self, store: FsspecStore, key: str) -> Buffer:
        return self.buffer_cls.from_bytes(await store.fs._cat_file(f"{store.path}/{key}"))

    def test_store_repr(self, store: FsspecStore) -> None:
        assert repr(store) == f"<FsspecStore(LakeFSFileSystem, {store.path})>"

    def test_store_supports_writes(self, store: FsspecStore) -> None:
        assert store.supports_writes

    def test_store_supports_listing(self, store: FsspecStore) -> None:
        assert store.supports_listing
