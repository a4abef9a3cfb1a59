"""Numbers of requests that reach lakeFS: each request costs milliseconds and money."""

from __future__ import annotations

import os
import subprocess
import uuid
from typing import TYPE_CHECKING, Any

import grpc
import pytest

import lakeport
from counted import CountedLake
from lakeport import LakeFSFileSystem
from lakeport.batching import Lookups
from lakeport.v1.files_pb2 import FileInfo
from servers import SERVER

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CountedLake]:
    running = CountedLake.start(tmp_path_factory.mktemp("counted") / "lake")
    yield running
    running.stop()


@pytest.fixture(scope="module")
def address(lake: CountedLake, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a lakeport server in front of that lake."""
    folder = tmp_path_factory.mktemp("counted-server")
    command = [SERVER, "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", "--data-dir", str(folder)]
    environment = {**os.environ, "LAKEPORT_LAKEFS_ACCESS_KEY_ID": lake.key, "LAKEPORT_LAKEFS_SECRET_ACCESS_KEY": lake.secret}
    log = (folder / "log").open("w")
    process = subprocess.Popen([*command, "--lakefs-url", lake.url], env=environment, stdout=subprocess.PIPE, stderr=log, text=True)
    if process.stdout is None:
        raise AssertionError
    found: str = next(line.split()[1] for line in process.stdout if line.split()[:1] == ["gRPC"])
    yield f"grpc://{found}"
    process.terminate()
    process.wait(60)


@pytest.fixture
def client(address: str, lake: CountedLake) -> Iterator[lakeport.Client]:
    with lakeport.Client(address, lakeport.Credentials.key_pair(lake.key, lake.secret)) as made:
        yield made


@pytest.fixture
def repo(client: lakeport.Client) -> str:
    name = f"r{uuid.uuid4().hex[:16]}"
    client.versions.create_repository(name, f"local://{name}")
    return name


@pytest.fixture
def fs(address: str, lake: CountedLake, repo: str) -> LakeFSFileSystem:
    made = LakeFSFileSystem(address, lake.key, lake.secret)
    # The first call also requests the identity of the caller.
    assert made.exists(repo)
    lake.count()
    return made


def test_read_and_write_cost_one_request_each(fs: LakeFSFileSystem, lake: CountedLake, repo: str) -> None:
    fs.pipe(f"{repo}/main/a.bin", b"x" * 1000)
    assert lake.count() == 1
    assert fs.cat(f"{repo}/main/a.bin") == b"x" * 1000
    assert lake.count() == 1
    with fs.open(f"{repo}/main/b.bin", "wb") as file:
        file.write(b"y")
    assert lake.count() == 1
    with fs.open(f"{repo}/main/b.bin") as file:
        assert file.read() == b"y"
    assert lake.count() == 1


def test_parquet_read_costs_at_most_three_requests(fs: LakeFSFileSystem, lake: CountedLake, repo: str, address: str) -> None:
    pd = pytest.importorskip("pandas")
    options = {"host": address, "username": lake.key, "password": lake.secret}
    frame = pd.DataFrame({"a": range(1000)})
    frame.to_parquet(f"lakefs://{repo}/main/x.parquet", storage_options=options)
    lake.count()
    assert pd.read_parquet(f"lakefs://{repo}/main/x.parquet", storage_options=options).equals(frame)
    assert lake.count() <= 3
    assert fs.exists(f"{repo}/main/x.parquet")


def test_transaction_with_ten_writes_costs_fourteen_requests(fs: LakeFSFileSystem, lake: CountedLake, repo: str) -> None:
    with fs.transaction(repo, "main") as tx:
        for index in range(10):
            fs.pipe(f"{repo}/{tx.branch.id}/{index}.bin", b"x")
    assert lake.count() == 14
    assert len(fs.find(f"{repo}/main")) == 10


def test_commit_within_a_transaction_costs_one_more_request(fs: LakeFSFileSystem, lake: CountedLake, repo: str) -> None:
    with fs.transaction(repo, "main") as tx:
        for index in range(10):
            fs.pipe(f"{repo}/{tx.branch.id}/{index}.bin", b"x")
        tx.commit("All of it")
    assert lake.count() == 15
    assert len(fs.find(f"{repo}/main")) == 10


def test_tree_costs_one_listing(fs: LakeFSFileSystem, lake: CountedLake, repo: str) -> None:
    fs.pipe({f"{repo}/main/{folder}/{index}.bin": b"x" for folder in "abcd" for index in range(5)})
    assert lake.count() == 20
    assert len(fs.find(f"{repo}/main")) == 20
    assert lake.count() == 1
    assert len(list(fs.walk(f"{repo}/main"))) == 5
    assert lake.count() == 1
    assert len(fs.glob(f"{repo}/main/**/1.bin")) == 4
    assert lake.count() == 1


def test_querying_objects_one_by_one_costs_one_listing(fs: LakeFSFileSystem, lake: CountedLake, repo: str) -> None:
    fs.pipe({f"{repo}/main/d/{index}.bin": b"x" for index in range(100)})
    lake.count()
    assert [fs.info(f"{repo}/main/d/{index}.bin")["size"] for index in range(100)] == [1] * 100
    assert lake.count() <= 3
    # In a transaction, each object is queried separately.
    with fs.transaction(repo, "main", automerge=False, delete="always") as tx:
        fs.pipe({f"{repo}/{tx.branch.id}/d/{index}.bin": b"x" for index in range(10)})
        lake.count()
        assert [fs.exists(f"{repo}/{tx.branch.id}/d/{index}.bin") for index in range(10)] == [True] * 10
        assert lake.count() == 10


def test_listed_objects_are_not_queried_again(fs: LakeFSFileSystem, lake: CountedLake, repo: str) -> None:
    fs.pipe({f"{repo}/main/d/{index}.bin": b"x" for index in range(10)})
    lake.count()
    listed = fs.ls(f"{repo}/main/d")
    assert [fs.info(each["name"])["size"] for each in listed] == [1] * 10
    assert lake.count() == 1
    # A write through the same file system is visible at once.
    fs.pipe(f"{repo}/main/d/3.bin", b"longer")
    assert fs.info(f"{repo}/main/d/3.bin")["size"] == 6
    assert lake.count() == 2


LOOKUPS: dict[str, tuple[Callable[[LakeFSFileSystem, str], object], int]] = {
    "exists(object)": (lambda fs, root: fs.exists(f"{root}/a.txt"), 1),
    "exists(missing)": (lambda fs, root: not fs.exists(f"{root}/none"), 1),
    "exists(missing), a prefix of other names": (lambda fs, root: not fs.exists(f"{root}/a"), 2),
    "exists(directory)": (lambda fs, root: fs.exists(f"{root}/e"), 1),
    "exists(directory), other names before it": (lambda fs, root: fs.exists(f"{root}/d"), 2),
    "isdir(directory)": (lambda fs, root: fs.isdir(f"{root}/e"), 1),
    "isdir(missing)": (lambda fs, root: not fs.isdir(f"{root}/none"), 1),
    "isfile(missing)": (lambda fs, root: not fs.isfile(f"{root}/none"), 1),
    "info(directory)": (lambda fs, root: fs.info(f"{root}/e"), 1),
    "find(missing)": (lambda fs, root: fs.find(f"{root}/none") == [], 2),
    "cat(object)": (lambda fs, root: fs.cat(f"{root}/a.txt"), 1),
    "cp(object)": (lambda fs, root: fs.cp(f"{root}/a.txt", f"{root}/copy"), 3),
    "mv(object)": (lambda fs, root: fs.mv(f"{root}/a.txt", f"{root}/moved"), 4),
    "rm(object)": (lambda fs, root: fs.rm(f"{root}/a.txt"), 2),
    "exists(object[1])": (lambda fs, root: fs.exists(f"{root}/a[1]"), 1),
    "cat(object[1])": (lambda fs, root: fs.cat(f"{root}/a[1]"), 2),
}
"""Operations, and the requests to lakeFS that they may cause."""


@pytest.mark.parametrize("name", LOOKUPS)
def test_lookups_cost_few_requests(address: str, lake: CountedLake, repo: str, name: str) -> None:
    fs, root = LakeFSFileSystem(address, lake.key, lake.secret, listings_expiry_time=0), f"{repo}/main"
    fs.pipe({f"{root}/{key}": b"1" for key in ("a.txt", "a[1]", "d-1", "d/x", "e/x/y")})
    lake.count()
    call, most = LOOKUPS[name]
    assert call(fs, root) is not False
    assert lake.count() == most


def test_lookups_beside_known_objects_cost_one_listing(fs: LakeFSFileSystem, lake: CountedLake, repo: str) -> None:
    root = f"{repo}/main"
    fs.pipe({f"{root}/{key}": b"1" for key in ("a.txt", "a/x", "d/x", "d-1")})
    assert fs.exists(f"{root}/a.txt")
    lake.count()
    assert [fs.exists(f"{root}/none"), fs.isdir(f"{root}/d"), fs.isdir(f"{root}/a"), fs.isfile(f"{root}/d-1")] == [
        False,
        True,
        True,
        True,
    ]
    assert lake.count() == 1
    # The listing was not made for this name: another client may have written it since.
    assert not fs.exists(f"{root}/none")
    assert lake.count() == 1
    fs.pipe(f"{root}/none", b"1")
    fs.rm(f"{root}/d", recursive=True)
    assert [fs.exists(f"{root}/none"), fs.exists(f"{root}/d")] == [True, False]


async def test_lookup_without_permission_to_list_finds_objects() -> None:
    class Files:
        place = "repo/main"

        async def list(self, prefix: str, *, limit: int) -> AsyncIterator[FileInfo]:
            raise lakeport.DeniedError(f"{prefix} {limit}", grpc.StatusCode.PERMISSION_DENIED, "PERMISSION_DENIED")
            yield FileInfo()

        async def stat(self, key: str) -> FileInfo:
            return FileInfo(path=key)

    files: Any = Files()
    assert (await Lookups().find(files, "a")).path == "a"


def test_metadata_at_a_commit_costs_two_requests_once(
    fs: LakeFSFileSystem, lake: CountedLake, repo: str, client: lakeport.Client
) -> None:
    fs.pipe({f"{repo}/main/{key}": b"1" for key in ("a", "b", "d/c")})
    commit = client.versions.create_commit(repo, "main", "One").commit_id
    lake.count()
    assert fs.info(f"{repo}/{commit}/a")["commit"] == commit
    # One of them asks whether the ref is a commit, since it could be the name of a branch.
    assert lake.count() == 2
    assert fs.info(f"{repo}/{commit}/d/c")["commit"] == commit
    assert lake.count() == 1
    assert fs.info(f"{repo}/{commit}/a")["commit"] == fs.info(f"{repo}/{commit}/d/c")["commit"] == commit
    assert lake.count() == 0
