"""The client without fsspec: the complete typed API, for programs with and without an event loop."""

from __future__ import annotations

import datetime
import io
from typing import TYPE_CHECKING

import pytest

import lakeport
from lakeport.v1 import transactions_pb2, versions_pb2
from servers import LAKEFS, Server, wait_for

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


def test_files(client: lakeport.Client, repo: str) -> None:
    files = client.files(repo, "main")
    stored = files.write("d/a.txt", b"0123456789", content_type="text/plain", metadata={"by": "me"})
    assert (stored.size_bytes, stored.content_type) == (10, "text/plain")
    assert files.stat("d/a.txt").metadata["by"] == "me"
    assert files.read("d/a.txt") == b"0123456789"
    assert files.read("d/a.txt", offset=-3) == b"789"
    assert files.read("d/a.txt", offset=2, limit=3) == b"234"
    assert [files.exists("d/a.txt"), files.exists("none")] == [True, False]
    with pytest.raises(lakeport.NotFoundError):
        client.files(repo, "none").exists("a")
    files.write("from-a-file", io.BytesIO(b"x" * (3 << 20)))
    files.write("from-pieces", (piece for piece in (b"1", b"", b"2")))
    assert files.read("from-pieces") == b"12"
    with pytest.raises(FileExistsError):
        files.write("d/a.txt", b"", create_only=True)
    assert [info.path for info in files.list()] == ["d/a.txt", "from-a-file", "from-pieces"]
    assert [info.path for info in files.list(delimiter="/")] == ["d/", "from-a-file", "from-pieces"]
    assert [info.path for info in files.list("d", match_glob="**/*.txt")] == ["d/a.txt"]
    download = files.open_read("from-a-file")
    with pytest.raises(RuntimeError):
        _ = download.info
    assert sum(len(piece) for piece in download) == download.info.size_bytes == 3 << 20
    assert files.copy("d", "e", recursive=True) == ["e/a.txt"]
    assert files.move("e/a.txt", "f") == ["f"]
    files.set_metadata("f", {"other": "1"})
    assert dict(files.stat("f").metadata) == {"other": "1"}
    assert files.delete("d", recursive=True) == 1
    assert files.delete_many(["f", "none"], allow_missing=True) == 2
    with pytest.raises(lakeport.NotFoundError):
        files.delete("none")
    with pytest.raises(lakeport.UnsupportedError):
        files.presign("from-pieces")
    answers = files.write_many({"m/1": b"1", "m/2": b"2"})
    assert [getattr(answer, "size_bytes", None) for answer in answers] == [1, 1]
    assert files.read_many(["m/2", "m/1"]) == [b"2", b"1"]
    found = files.stat_many(["m/1", "none"])
    assert isinstance(found[1], lakeport.NotFoundError)
    assert client.server_info().embedded == (LAKEFS is None)


def test_transactions(client: lakeport.Client, repo: str) -> None:
    with client.begin(repo, "main", labels={"job": "a test"}, idle_timeout=datetime.timedelta(seconds=60)) as tx:
        tx.write("a.txt", b"1")
        tx.create_commit("One")
        tx.write("b.txt", b"1")
        tx.validate()
        assert sorted(change.path for change in tx.changes()) == ["a.txt", "b.txt"]
        assert [found.transaction_id for found in client.transactions(repo, labels={"job": "a test"})] == [tx.id]
        tx.message = "Both"
    assert tx.state.merged
    assert client.versions.commit(repo, "main").message == "Both"
    assert client.transaction(tx.id).state.state == transactions_pb2.TRANSACTION_STATE_COMMITTED
    with pytest.raises(RuntimeError), client.begin(repo, "main") as tx:
        tx.write("c.txt", b"1")
        raise RuntimeError
    assert client.transaction(tx.id).state.state == transactions_pb2.TRANSACTION_STATE_ROLLED_BACK
    # The transaction continues by its ID, and a retried commit returns the same commit.
    begun = client.begin(repo, "main", transaction_id=f"{repo}-mine")
    client.transaction(begun.id).write("d.txt", b"1")
    first = client.transaction(begun.id).commit("Once", tags=["v1"])
    assert client.transaction(begun.id).commit("Once", tags=["v1"]).commit_id == first.commit_id
    with pytest.raises(lakeport.ConflictError) as raised:
        client.transaction(begun.id).write("e.txt", b"1")
    assert raised.value.reason == "TRANSACTION_COMMITTED"
    assert [seen.transaction.state for seen in client.transaction(begun.id).watch()] == [
        transactions_pb2.TRANSACTION_STATE_COMMITTED
    ]
    with pytest.raises(lakeport.NotFoundError):
        client.transaction("none")


def test_versions(client: lakeport.Client, repo: str) -> None:
    versions, files = client.versions, client.files(repo, "main")
    assert versions.repository(repo).default_branch == "main"
    assert repo in [found.name for found in versions.repositories(prefix=repo)]
    files.write("a", b"1")
    first = versions.create_commit(repo, "main", "One", metadata={"by": "me"})
    assert versions.commit(repo, "main").metadata["by"] == "me"
    assert versions.create_branch(repo, "side", "main").commit_id == first.commit_id
    client.files(repo, "side").write("b", b"1")
    uncommitted = versions.diff(repo, "side", "", mode=versions_pb2.DIFF_MODE_UNCOMMITTED)
    assert [entry.path for entry in uncommitted] == ["b"]
    second = versions.create_commit(repo, "side", "Two")
    assert [entry.path for entry in versions.diff(repo, "main", "side")] == ["b"]
    merged = versions.merge(repo, "side", "main", "Merge")
    assert versions.branch(repo, "main").commit_id == merged
    assert versions.create_tag(repo, "v1", "main").commit_id == merged
    assert [tag.name for tag in versions.tags(repo)] == ["v1"]
    assert versions.tag(repo, "v1").commit_id == merged
    assert [commit.message for commit in versions.log(repo, "main", limit=3)] == ["Merge", "Two", "One"]
    undone = versions.revert(repo, "main", "main", parent=1)
    assert not files.exists("b")
    picked = versions.cherry_pick(repo, "main", second.commit_id)
    assert files.exists("b")
    assert picked.commit_id != undone.commit_id
    files.write("c", b"1")
    versions.reset(repo, "main", path="c")
    assert not files.exists("c")
    versions.delete_tag(repo, "v1")
    versions.delete_branch(repo, "side")
    assert [branch.name for branch in versions.branches(repo)] == ["main"]
    with pytest.raises(lakeport.ExistsError):
        versions.create_repository(repo, f"local://{repo}-again")
    versions.delete_repository(repo)
    # lakeFS itself still serves a deleted repository for some seconds.
    wait_for(lambda: _is_gone(versions, repo))


def _is_gone(versions: lakeport.client.Versions, repo: str) -> bool:
    try:
        versions.repository(repo)
    except lakeport.NotFoundError:
        return True
    return False


async def test_asynchronous_calls(server: Server, repo: str) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for piece in (b"1", b"2"):
            yield piece

    async with lakeport.aio.Client(server.url) as client:
        files = client.files(repo, "main")
        await files.write("a", pieces())
        assert await files.read("a") == b"12"
        await client.versions.create_commit(repo, "main", "One")
        async with await client.begin(repo, "main") as tx:
            await tx.write("b", b"1")
            assert [change.path async for change in tx.changes()] == ["b"]
        assert tx.state.merged
        assert [info.path async for info in files.list()] == ["a", "b"]
