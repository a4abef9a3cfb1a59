"""Transactions, as users of lakefs-spec write them."""

from __future__ import annotations

import gc
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
import warnings
import weakref
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

import lakeport
import publishing
from lakeport import LakeFSFileSystem
from servers import Server, wait_for

if TYPE_CHECKING:
    from pathlib import Path


def messages(client: lakeport.Client, repo: str, ref: str = "main") -> list[str]:
    return [commit.message for commit in client.versions.log(repo, ref)]


def branches(client: lakeport.Client, repo: str) -> list[str]:
    return [branch.name for branch in client.versions.branches(repo)]


def tags(client: lakeport.Client, repo: str) -> dict[str, str]:
    return {tag.name: tag.commit_id for tag in client.versions.tags(repo)}


def head(client: lakeport.Client, repo: str, ref: str = "main") -> str:
    return client.versions.commit(repo, ref).commit_id


def test_block_end_publishes_uncommitted_changes(fs: LakeFSFileSystem, client: lakeport.Client, repo: str) -> None:
    with fs.transaction(repo, "main") as tx:
        fs.pipe(f"{repo}/{tx.branch.id}/committed.txt", b"1")
        made = tx.commit("One file", metadata={"by": "a test"})
        fs.pipe(f"{repo}/{tx.branch.id}/not-committed.txt", b"2")
        assert not fs.exists(f"{repo}/main/committed.txt")
    assert fs.find(f"{repo}/main") == [f"{repo}/main/committed.txt", f"{repo}/main/not-committed.txt"]
    assert made.message == "One file"
    assert made.metadata["by"] == "a test"
    assert made.id in [commit.commit_id for commit in client.versions.log(repo, "main")]
    assert messages(client, repo)[0].startswith("Merge 'transaction-")
    assert branches(client, repo) == ["main"]


def test_exception_rolls_back(fs: LakeFSFileSystem, client: lakeport.Client, repo: str) -> None:
    before = head(client, repo)
    with pytest.raises(RuntimeError, match="on purpose"), fs.transaction(repo, "main") as tx:
        fs.pipe(f"{repo}/{tx.branch.id}/a.txt", b"1")
        tx.commit("One")
        tx.tag("of-nothing")
        raise RuntimeError("on purpose")
    assert head(client, repo) == before
    assert branches(client, repo) == ["main"]
    assert tags(client, repo) == {}
    with pytest.raises(FileNotFoundError):
        fs.info(f"{repo}/{tx.branch.id}/a.txt")


def test_both_forms_of_tag(fs: LakeFSFileSystem, client: lakeport.Client, repo: str) -> None:
    with fs.transaction(repo, "main") as tx:
        fs.pipe(tx.path("a.txt"), b"1")
        made = tx.commit("One")
        tx.tag(made, name="inner")
        tx.tag("v1.0.0")
        fixed = tx.rev_parse("main")
        tx.tag(fixed.id, "before")
        assert "inner" not in tags(client, repo)
    assert tags(client, repo) == {"before": fixed.id, "inner": made.id, "v1.0.0": head(client, repo)}
    with pytest.raises(FileExistsError), fs.transaction(repo, "main") as tx:
        tx.tag("v1.0.0")


def test_no_automerge_keeps_the_branch(fs: LakeFSFileSystem, client: lakeport.Client, repo: str) -> None:
    with fs.transaction(repo, "main", automerge=False) as tx:
        fs.pipe(tx.path("a.txt"), b"1")
    assert not fs.exists(f"{repo}/main/a.txt")
    assert branches(client, repo) == ["main", tx.branch.id]
    assert fs.cat(f"{repo}/{tx.branch.id}/a.txt") == b"1"
    with fs.transaction(repo, "main", automerge=False, delete="always") as tx:
        fs.pipe(tx.path("b.txt"), b"1")
    assert tx.branch.id not in branches(client, repo)
    with fs.transaction(repo, "main", branch_name="mine", automerge=False, delete="always") as tx:
        fs.pipe(tx.path("b.txt"), b"1")
    with (
        pytest.raises(RuntimeError),
        fs.transaction(repo, "main", branch_name="mine", automerge=False, delete="always") as tx,
    ):
        raise RuntimeError
    assert "mine" not in branches(client, repo)
    with pytest.raises(RuntimeError), fs.transaction(repo, "main", automerge=False) as tx:
        raise RuntimeError
    assert tx.branch.id not in branches(client, repo)


def test_delete_never_keeps_the_branch(fs: LakeFSFileSystem, client: lakeport.Client, repo: str) -> None:
    with fs.transaction(repo, "main", branch_name="kept", delete="never") as tx:
        fs.pipe(f"{repo}/kept/a.txt", b"1")
    assert tx.branch.id == "kept"
    assert branches(client, repo) == ["kept", "main"]
    assert fs.cat([f"{repo}/kept/a.txt", f"{repo}/main/a.txt"]) == dict.fromkeys([f"{repo}/kept/a.txt", f"{repo}/main/a.txt"], b"1")
    with pytest.raises(FileExistsError, match="kept"), fs.transaction(repo, "main", branch_name="kept"):
        pass


def test_merge_options(fs: LakeFSFileSystem, client: lakeport.Client, repo: str) -> None:
    said: Any = {"message": "My merge", "metadata": {"why": "a test"}, "squash_merge": True}
    with fs.transaction(repo, "main", merge_kwargs=said) as tx:
        fs.pipe(tx.path("a.txt"), b"1")
        tx.commit("One")
        fs.pipe(tx.path("b.txt"), b"1")
        tx.commit("Two")
    found = client.versions.commit(repo, "main")
    assert (found.message, found.metadata["why"]) == ("My merge", "a test")
    assert "One" not in messages(client, repo)
    for bad in ({"force": True}, {"strategy": "ours"}, {"nonsense": 1}):
        with pytest.raises(ValueError, match="force|strategy|nonsense"):
            fs.transaction(repo, "main", merge_kwargs=bad)
    with pytest.raises(ValueError, match="delete"):
        fs.transaction(repo, "main", delete="sometimes")


def test_conflict_raises_an_error_and_leaves_no_branch(fs: LakeFSFileSystem, client: lakeport.Client, repo: str) -> None:
    with pytest.raises(lakeport.ConflictError, match=r"a\.txt") as raised, fs.transaction(repo, "main") as tx:
        fs.pipe(tx.path("a.txt"), b"ours")
        with fs.transaction(repo, "main") as other:
            fs.pipe(other.path("a.txt"), b"theirs")
    assert raised.value.reason == "MERGE_CONFLICT"
    assert fs.cat(f"{repo}/main/a.txt") == b"theirs"
    assert branches(client, repo) == ["main"]
    with fs.transaction(repo, "main", merge_kwargs={"strategy": "source-wins"}) as tx:
        fs.pipe(tx.path("a.txt"), b"ours")
        with fs.transaction(repo, "main") as other:
            fs.pipe(other.path("a.txt"), b"theirs again")
    assert fs.cat(f"{repo}/main/a.txt") == b"ours"


def test_merge_revert_and_rev_parse(fs: LakeFSFileSystem, client: lakeport.Client, repo: str) -> None:
    client.versions.create_branch(repo, "side", "main")
    with fs.transaction(repo, "main") as tx:
        fs.pipe(tx.path("a.txt"), b"1")
        made = tx.commit("One")
        assert tx.rev_parse(tx.branch) == made == tx.branch.head
        merged = tx.merge(tx.branch, into="side")
        assert merged.message.startswith(f"Merge '{tx.branch.id}'")
        assert tx.merge(tx.branch, into="side") == merged
        fs.pipe(tx.path("b.txt"), b"1")
        second = tx.commit("Two")
        assert tx.commit("Nothing") == second
        tx.revert(tx.branch, second)
        assert not fs.exists(tx.path("b.txt"))
    assert fs.exists(f"{repo}/side/a.txt")
    assert not fs.exists(f"{repo}/main/b.txt")
    with fs.transaction(repo, "main") as tx:
        undone = tx.revert("main", "main")
    assert "Revert" in undone.message
    assert not fs.exists(f"{repo}/main/a.txt")


def test_open_file_is_closed_and_published(fs: LakeFSFileSystem, repo: str) -> None:
    with fs.transaction(repo, "main") as tx:
        left_open = fs.open(tx.path("open.txt"), "wb")
        left_open.write(b"all of it")
        fs.open(tx.path("dropped.txt"), "wb").write(b"the last reference is gone")
        gc.collect()
    assert fs.cat(f"{repo}/main/open.txt") == b"all of it"
    assert fs.cat(f"{repo}/main/dropped.txt") == b"the last reference is gone"
    assert left_open.closed
    with pytest.raises(RuntimeError), fs.transaction(repo, "main") as tx:
        left_open = fs.open(tx.path("late.txt"), "wb")
        left_open.write(b"never")
        raise RuntimeError
    left_open.close()
    assert not fs.exists(f"{repo}/main/late.txt")


def test_open_text_file_is_flushed_and_published(fs: LakeFSFileSystem, repo: str) -> None:
    with fs.transaction(repo, "main") as tx:
        text = fs.open(tx.path("open.txt"), "w")
        text.write("in the buffer of the text")
    assert fs.cat(f"{repo}/main/open.txt") == b"in the buffer of the text"


@pytest.mark.parametrize("mode", ["wb", "wt"])
def test_open_compressed_file_is_complete(fs: LakeFSFileSystem, repo: str, mode: str) -> None:
    data: Any = b"text" * 1000 if mode == "wb" else "text" * 1000
    with fs.transaction(repo, "main") as tx:
        packed = fs.open(tx.path("a.gz"), mode, compression="gzip")
        packed.write(data)
        inferred = fs.open(tx.path("b.txt.gz"), mode, compression="infer")
        inferred.write(data)
    for name in ("a.gz", "b.txt.gz"):
        with fs.open(f"{repo}/main/{name}", mode.replace("w", "r"), compression="gzip") as file:
            assert file.read() == data
    for compression in (None, "gzip"):
        path = f"{repo}/main/half-{compression}"
        with pytest.raises(RuntimeError, match="on purpose"), fs.open(path, mode, compression=compression) as half:
            half.write(data)
            raise RuntimeError("on purpose")
        assert not fs.exists(path)


def test_ref_expressions_over_the_transaction_branch(fs: LakeFSFileSystem, repo: str) -> None:
    with fs.transaction(repo, "main") as tx:
        fs.pipe(tx.path("a"), b"1")
        first = tx.commit("One")
        fs.pipe(tx.path("a"), b"22")
        second = tx.commit("Two")
        fs.pipe(tx.path("a"), b"333")
        assert tx.rev_parse(f"{tx.branch.id}~1") == first
        assert tx.rev_parse(f"{tx.branch.id}@") == second
        assert fs.cat(f"{repo}/{tx.branch.id}~1/a") == b"1"
        assert fs.cat(f"{repo}/{tx.branch.id}@/a") == b"22"
        assert fs.cat(f"{repo}/{tx.branch.id}/a") == b"333"
        with pytest.raises(NotImplementedError, match="merging into a transaction is not supported"):
            tx.merge("main", tx.branch)


def test_ended_transaction_accepts_no_writes(fs: LakeFSFileSystem, client: lakeport.Client, repo: str) -> None:
    with fs.transaction(repo, "main") as tx:
        fs.pipe(tx.path("a"), b"1")
    with pytest.raises(FileNotFoundError, match="has ended or never existed"):
        fs.pipe(tx.path("late"), b"1")
    with pytest.raises(FileNotFoundError, match="has ended or never existed"), fs.open(tx.path("late"), "wb") as file:
        file.write(b"1")
    assert branches(client, repo) == ["main"]


def test_other_processes_find_a_transaction_by_branch_name(
    fs: LakeFSFileSystem, server: Server, client: lakeport.Client, repo: str
) -> None:
    program = f"""
import fsspec
fs = fsspec.filesystem("lakefs")
fs.pipe("lakefs://{repo}/nightly/part", b"1")
assert fs.cat("lakefs://{repo}/nightly/part") == b"1"
fs.pipe(input(), b"2")
"""
    with fs.transaction(repo, "main", branch_name="nightly") as tx:
        subprocess.run(
            [sys.executable, "-c", program],
            input=tx.path("by-url"),
            text=True,
            check=True,
            timeout=60,
            env={**os.environ, "LAKEPORT_ENDPOINT": server.url},
        )
        assert branches(client, repo) == ["main"]
    assert fs.find(f"{repo}/main") == [f"{repo}/main/by-url", f"{repo}/main/part"]


def test_write_to_the_base_branch_warns_once(fs: LakeFSFileSystem, repo: str) -> None:
    with pytest.raises(lakeport.ConflictError) as raised, warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        with fs.transaction(repo, "main") as tx:
            fs.pipe(tx.path("a.txt"), b"1")
            fs.pipe(f"{repo}/main/b.txt", b"1")
            fs.pipe(f"{repo}/main/c.txt", b"1")
            assert fs.exists(f"{repo}/main/b.txt")
    assert raised.value.reason == "BASE_DIRTY"
    assert [str(each.message) for each in seen if "dirty" in str(each.message)].__len__() == 1


def test_other_file_systems_and_processes_join_by_id(fs: LakeFSFileSystem, server: Server, repo: str) -> None:
    program = f"""
import fsspec
fs = fsspec.filesystem("lakefs")
fs.pipe("lakefs://{repo}/" + input() + "/from-another.txt", b"process")
"""
    with fs.transaction(repo, "main") as tx:
        same = LakeFSFileSystem(server.url, skip_instance_cache=True)
        same.pipe(tx.path("same.txt"), b"1")
        subprocess.run(
            [sys.executable, "-c", program],
            input=tx.branch.id,
            text=True,
            check=True,
            timeout=60,
            env={**os.environ, "LAKEPORT_ENDPOINT": server.url},
        )
        assert fs.find(f"{repo}/{tx.branch.id}") == [
            f"{repo}/{tx.branch.id}/from-another.txt",
            f"{repo}/{tx.branch.id}/same.txt",
        ]
    assert fs.cat(f"{repo}/main/from-another.txt") == b"process"


def test_reads_in_a_transaction_are_not_cached(fs: LakeFSFileSystem, client: lakeport.Client, repo: str) -> None:
    with fs.transaction(repo, "main") as tx:
        fs.pipe(tx.path("a.txt"), b"1")
        assert fs.info(tx.path("a.txt"))["size"] == 1
        client.transaction(tx.id).write("a.txt", b"longer")
        assert fs.info(tx.path("a.txt"))["size"] == 6
        assert fs.cat(tx.path("a.txt")) == b"longer"


def test_objects_with_an_id_are_accepted_as_names(fs: LakeFSFileSystem, repo: str) -> None:
    class Named:
        def __init__(self, name: str) -> None:
            self.id = name

    with fs.transaction(Named(repo), Named("main")) as tx:
        fs.pipe(tx.path("a.txt"), b"1")
    assert fs.exists(f"{repo}/main/a.txt")
    with pytest.raises(ValueError, match=r"repository .* does not exist"), fs.transaction("no-such-repository"):
        pass
    with pytest.raises(FileNotFoundError), fs.transaction(repo, "no-such-branch"):
        pass


def test_fsspec_transaction_uploads_at_the_end(fs: LakeFSFileSystem, repo: str) -> None:
    with fs.transaction:
        with fs.open(f"{repo}/main/a.txt", "wb") as file:
            file.write(b"1")
        assert not fs.exists(f"{repo}/main/a.txt")
    assert fs.cat(f"{repo}/main/a.txt") == b"1"
    with pytest.raises(RuntimeError), fs.transaction:
        with fs.open(f"{repo}/main/b.txt", "wb") as file:
            file.write(b"1")
        raise RuntimeError
    assert not fs.exists(f"{repo}/main/b.txt")


async def test_asynchronous_calls(server: Server, repo: str) -> None:
    fs = LakeFSFileSystem(server.url, asynchronous=True)
    async with fs.transaction(repo, "main") as tx:
        await fs._pipe_file(tx.path("a.txt"), b"1")
        made = await tx._commit("One")
        assert (await tx._rev_parse(tx.branch)) == made
    assert await fs._cat_file(f"{repo}/main/a.txt") == b"1"
    with pytest.raises(RuntimeError):
        async with fs.transaction(repo, "main") as tx:
            await fs._pipe_file(tx.path("b.txt"), b"1")
            raise RuntimeError
    assert not await fs._exists(f"{repo}/main/b.txt")


def test_sixteen_threads_create_sixteen_merges(client: lakeport.Client, server: Server, repo: str) -> None:
    together = threading.Barrier(16)

    def publish(index: int) -> None:
        together.wait(60)
        publishing.publish(server.url, repo, f"thread-{index}")

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(publish, range(16)))
    assert len([message for message in messages(client, repo) if message.startswith("Merge")]) == 16
    assert len(list(client.files(repo, "main").list())) == 16


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_sixteen_processes_create_sixteen_merges(client: lakeport.Client, server: Server, repo: str, method: str) -> None:
    context: Any = multiprocessing.get_context(method)
    processes = [context.Process(target=publishing.publish, args=(server.url, repo, f"process-{index}")) for index in range(16)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(120)
        assert process.exitcode == 0
    assert len([message for message in messages(client, repo) if message.startswith("Merge")]) == 16
    assert len(list(client.files(repo, "main").list())) == 16


def test_transaction_of_a_killed_process_expires(
    client: lakeport.Client, fs: LakeFSFileSystem, server: Server, repo: str, tmp_path: Path
) -> None:
    before = head(client, repo)
    program = f"""
import sys, time
from lakeport import LakeFSFileSystem
fs = LakeFSFileSystem("{server.url}")
with fs.transaction("{repo}", "main", idle_timeout=10) as tx:
    fs.pipe(tx.path("a.txt"), b"1")
    tx.commit("One")
    fs.pipe(tx.path("b.txt"), b"1")
    print(tx.id, flush=True)
    time.sleep(600)
"""
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    transaction_id = process.stdout.readline().strip()
    # Keep-alive requests extend the transaction beyond its idle timeout while the process lives.
    time.sleep(12)
    assert client.transaction(transaction_id).is_open
    branch = client.transaction(transaction_id).state.branch
    process.send_signal(signal.SIGKILL)
    process.wait(60)
    wait_for(lambda: not client.transaction(transaction_id).is_open, 60)

    def is_gone() -> bool:
        with pytest.MonkeyPatch.context():
            try:
                client.versions.branch(repo, branch)
            except (FileNotFoundError, PermissionError):
                return True
            return False

    wait_for(is_gone, 60)
    assert head(client, repo) == before
    assert fs.find(f"{repo}/main") == []


def test_collected_transaction_is_not_kept_alive(fs: LakeFSFileSystem, client: lakeport.Client, repo: str) -> None:
    tx = fs.transaction(repo, "main", branch_name="draft").__enter__()
    fs.pipe(f"{repo}/draft/a.txt", b"1")
    # The task that sends keep-alive requests ends with this object.
    begun, transaction_id = weakref.ref(tx._begun()), tx.id
    with pytest.warns(RuntimeWarning, match=f"{transaction_id} was neither committed nor rolled back"):  # noqa: PT031
        del tx
        gc.collect()
    wait_for(lambda: begun() is None)
    # Until it expires, it can be continued by its ID.
    assert fs.cat(f"{repo}/{transaction_id}/a.txt") == b"1"
    client.transaction(transaction_id).rollback()


async def test_collected_asynchronous_transaction_is_not_kept_alive(server: Server, client: lakeport.Client, repo: str) -> None:
    fs = LakeFSFileSystem(server.url, asynchronous=True)
    tx = await fs.transaction(repo, "main").__aenter__()
    begun, transaction_id = weakref.ref(tx._begun()), tx.id
    with pytest.warns(RuntimeWarning, match="neither committed nor rolled back"):  # noqa: PT031
        del tx
        gc.collect()
    assert begun() is None
    client.transaction(transaction_id).rollback()


def test_transaction_on_a_transaction_is_rejected(fs: LakeFSFileSystem, client: lakeport.Client, repo: str) -> None:
    with fs.transaction(repo, "main", branch_name="draft") as tx:
        for base in (tx.branch, tx.branch.id, tx.id):
            with pytest.raises(NotImplementedError, match="cannot be the base of another one"), fs.transaction(repo, base):
                pass
        fs.pipe(tx.path("a"), b"1")
    with client.begin(repo, "main", labels={"lakeport.branch": "theirs"}) as other:
        for base in ("theirs", other.id):
            with pytest.raises(NotImplementedError, match="cannot be the base of another one"), fs.transaction(repo, base):
                pass
    with pytest.raises(FileNotFoundError, match="none"), fs.transaction(repo, "none"):
        pass
    # A branch that a transaction left is an ordinary branch.
    with fs.transaction(repo, "main", delete="never") as kept:
        fs.pipe(kept.path("b"), b"1")
    with fs.transaction(repo, kept.branch.id) as tx:
        fs.pipe(tx.path("c"), b"1")
    assert fs.exists(f"{repo}/{kept.branch.id}/c")
