"""The examples of lakefs-spec's documentation, with only the import changed."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import lakefs
import lakefs.exceptions
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fsspec.callbacks import DEFAULT_CALLBACK

import lakeport
from lakeport import LakeFSFileSystem
from lakeport.errors import translate_lakefs_error
from processes import local_servers, run
from servers import SERVER, Server, start, stop

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lakeport.types import MergeKwargs, RequestConfig

SCRIPTS = sorted((Path(__file__).parent / "scripts").glob("*.py"))
LAKES = {
    "Lake_name": ["Müritz", "Chiemsee", "Garda", "Ree", "Tahoe", "Crater", "Superior"],
    "Country": ["Germany", "Germany", "Italy", "Ireland", *3 * ["United States of America"]],
    "Depth_m": [31.1, 73.4, 346.0, 35.0, 501.0, 594.0, 406.0],
}


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A lake like lakeFS's quickstart: `quickstart` with data about lakes, and an empty `repo`."""
    folder = tmp_path_factory.mktemp("lake")
    running = start(folder / "data")
    pq.write_table(pa.table(LAKES), folder / "lakes.parquet")
    with lakeport.Client(running.url) as client:
        client.versions.create_repository("repo")
        with client.begin("quickstart", "main") as tx, (folder / "lakes.parquet").open("rb") as file:
            tx.write("lakes.parquet", file)
    yield running
    stop(running)


def _environment(server: Server) -> dict[str, str]:
    """Environment variables with the configuration of lakeFS and the address of lakeport."""
    return {
        "LAKEPORT_ENDPOINT": server.url,
        "LAKECTL_SERVER_ENDPOINT_URL": server.rest,
        "LAKECTL_CREDENTIALS_ACCESS_KEY_ID": server.key,
        "LAKECTL_CREDENTIALS_SECRET_ACCESS_KEY": server.secret,
    }


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_script(script: Path, lake: Server, tmp_path: Path) -> None:
    run(script, tmp_path, **_environment(lake))


# ---- configuration guide


@pytest.fixture
def configured(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in _environment(server).items():
        monkeypatch.setenv(name, value)


def _write_configuration(path: Path, server: Server) -> None:
    path.write_text(
        f"credentials:\n  access_key_id: {server.key}\n  secret_access_key: {server.secret}\n"
        f"server:\n  endpoint_url: {server.rest}\n"
    )


def test_configuration_file(server: Server, repo: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _write_configuration(Path(os.environ["HOME"]) / ".lakectl.yaml", server)
    monkeypatch.setenv("LAKEPORT_SERVER", SERVER)
    with local_servers() as places:
        monkeypatch.setenv("XDG_STATE_HOME", places["XDG_STATE_HOME"])
        fs = LakeFSFileSystem()
        fs.pipe(f"{repo}/main/a.txt", b"a")
        assert fs.cat(f"{repo}/main/a.txt") == b"a"


def test_configuration_file_elsewhere(server: Server, repo: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _write_configuration(tmp_path / "other.yaml", server)
    monkeypatch.setenv("LAKECTL_CONFIG_FILE", str(tmp_path / "other.yaml"))
    monkeypatch.setenv("LAKEPORT_ENDPOINT", server.url)
    fs = LakeFSFileSystem()
    assert fs.exists(f"{repo}/main")
    assert lakefs.Repository(repo, fs.client).metadata is not None


@pytest.mark.usefixtures("configured")
def test_configuration_by_environment(repo: str) -> None:
    assert LakeFSFileSystem().ls(f"{repo}/main/") == []


@pytest.mark.usefixtures("configured")
def test_arguments(server: Server, repo: str) -> None:
    fs = LakeFSFileSystem(host=server.rest, username=server.key, password=server.secret)
    assert fs.ls(f"{repo}/main/") == []
    assert fs.client.config.username == server.key


def test_instances_are_cached(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _write_configuration(Path(os.environ["HOME"]) / ".lakectl.yaml", server)
    of_file = LakeFSFileSystem()
    monkeypatch.setenv("LAKECTL_SERVER_ENDPOINT_URL", "http://my-other-lakefs.host")
    assert LakeFSFileSystem() is of_file
    LakeFSFileSystem.clear_instance_cache()
    assert LakeFSFileSystem() is not of_file


# ---- file system guide


@pytest.fixture
def fs(configured: None) -> LakeFSFileSystem:
    del configured
    return LakeFSFileSystem()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "dir"
    made.mkdir()
    for name in ("a.txt", "b.yaml", "c.csv"):
        (made / name).write_text(name)
    return made


def test_uploads_and_downloads(fs: LakeFSFileSystem, repo: str, folder: Path, tmp_path: Path) -> None:
    fs.put_file(str(folder / "a.txt"), f"{repo}/main/file.txt")
    fs.put(str(folder), f"{repo}/main/dir", recursive=True)

    fs.get_file(f"{repo}/main/file.txt", str(tmp_path / "file.txt"))
    fs.get(f"{repo}/main/dir", str(tmp_path / "back"), recursive=True)
    assert (tmp_path / "file.txt").read_text() == "a.txt"
    assert sorted(path.name for path in (tmp_path / "back").iterdir()) == ["a.txt", "b.yaml", "c.csv"]


def test_existence_and_info(fs: LakeFSFileSystem, repo: str, folder: Path) -> None:
    fs.put(str(folder), f"{repo}/main/dir", recursive=True)
    assert fs.exists(f"{repo}/main/dir/a.txt")
    assert not fs.exists(f"{repo}/main/dir/d.txt")
    info = fs.info(f"{repo}/main/dir/a.txt")
    assert (info["name"], info["size"], info["type"]) == (f"{repo}/main/dir/a.txt", 5, "file")
    assert {"checksum", "content-type", "mtime", "metadata"} <= info.keys()
    assert fs.info(f"{repo}/main/dir/")["type"] == "directory"
    listed = fs.ls(f"{repo}/main/dir/")
    assert [found["name"].rpartition("/")[2] for found in listed] == ["a.txt", "b.yaml", "c.csv"]


def test_deletes(fs: LakeFSFileSystem, repo: str, folder: Path) -> None:
    fs.put(str(folder), f"{repo}/main/my-dir", recursive=True)
    fs.put_file(str(folder / "a.txt"), f"{repo}/main/my-file.txt")
    fs.rm_file(f"{repo}/main/my-file.txt")
    fs.rm(f"{repo}/main/my-dir/", recursive=True)
    assert fs.ls(f"{repo}/main/") == []


def test_copies(fs: LakeFSFileSystem, repo: str, folder: Path) -> None:
    fs.put(str(folder), f"{repo}/branch-a/my-dir", recursive=True)
    fs.put_file(str(folder / "a.txt"), f"{repo}/branch-a/file.txt")
    lakefs.Branch(repo, "branch-b", client=fs.client).create("main")

    fs.cp_file(f"{repo}/branch-a/file.txt", f"{repo}/branch-a/file.txt.bak")
    fs.cp_file(f"{repo}/branch-a/file.txt", f"{repo}/branch-b/file.txt")
    fs.copy(f"{repo}/branch-a/my-dir/", f"{repo}/branch-b/my-dir/", recursive=True)
    assert fs.cat(f"{repo}/branch-a/file.txt.bak") == b"a.txt"
    assert len(fs.find(f"{repo}/branch-b")) == 4


@pytest.mark.usefixtures("configured")
def test_request_configuration(repo: str) -> None:
    request_config: RequestConfig = {"request_timeout": 2, "content_type": "application/json"}
    assert LakeFSFileSystem(request_config=request_config).exists(f"{repo}/main")


# ---- transaction guide


def test_versioning_operations(fs: LakeFSFileSystem, repo: str, folder: Path) -> None:
    with fs.transaction(repo, "main") as tx:
        fs.put_file(str(folder / "a.txt"), f"{repo}/{tx.branch.id}/train-data.txt")
        tx.commit(message="Add training data")
        fs.put_file(str(folder / "c.csv"), f"{repo}/{tx.branch.id}/test-data.txt")
        sha = tx.commit(message="Add test data")
        tx.tag(sha, name="my-train-test-split")

    assert len(fs.find(f"{repo}/my-train-test-split")) == 2
    history = [commit.message for commit in lakefs.Repository(repo, fs.client).branch("main").log()]
    assert {"Add training data", "Add test data"} <= set(history)


def test_failures(fs: LakeFSFileSystem, repo: str, folder: Path) -> None:
    def fail() -> None:
        with fs.transaction(repo, "main", delete="onsuccess") as tx:
            fs.put_file(str(folder / "a.txt"), f"{repo}/{tx.branch.id}/my-file.txt")
            tx.commit(message="Add my-file.txt")
            raise ValueError("oops!")

    with pytest.raises(ValueError, match="oops!"):
        fail()
    assert fs.ls(f"{repo}/main/") == []


def test_merge_options(fs: LakeFSFileSystem, repo: str) -> None:
    merge_kwargs: MergeKwargs = {"squash_merge": True, "message": "My merge commit message"}
    with fs.transaction(repo, "main", merge_kwargs=merge_kwargs) as tx:
        fs.pipe(f"{repo}/{tx.branch.id}/a", b"a")
        tx.commit("Not to be seen")
        fs.pipe(f"{repo}/{tx.branch.id}/b", b"b")
        tx.commit("Nor this")
    history = [commit.message for commit in lakefs.Repository(repo, fs.client).branch("main").log()]
    assert history[0] == "My merge commit message"
    assert not {"Not to be seen", "Nor this"} & set(history)


@pytest.mark.parametrize("delete", ["onsuccess", "always", "never"])
def test_delete_option_controls_the_branch(fs: LakeFSFileSystem, repo: str, delete: str) -> None:
    with fs.transaction(repo, "main", branch_name="mine", delete=delete) as tx:
        fs.pipe(f"{repo}/{tx.branch.id}/a", b"a")
        tx.commit("Add a")
    branches = [branch.id for branch in lakefs.Repository(repo, fs.client).branches()]
    assert ("mine" in branches) == (delete == "never")
    assert fs.exists(f"{repo}/main/a")


def test_without_merging(fs: LakeFSFileSystem, repo: str) -> None:
    with fs.transaction(repo, "main", branch_name="mine", automerge=False) as tx:
        fs.pipe(f"{repo}/{tx.branch.id}/a", b"a")
        tx.commit("Add a")
    assert not fs.exists(f"{repo}/main/a")
    assert fs.exists(f"{repo}/mine/a")


def test_merge_revert_and_rev_parse(fs: LakeFSFileSystem, repo: str) -> None:
    fs.pipe(f"{repo}/other/b", b"b")
    lakefs.Branch(repo, "other", client=fs.client).commit("Add b")
    with fs.transaction(repo, "main") as tx:
        fs.pipe(f"{repo}/{tx.branch.id}/a", b"a")
        sha = tx.commit("Add a")
        assert tx.rev_parse(tx.branch.id).id == sha.id
        assert tx.rev_parse(sha.id[:12]).id == sha.id
        tx.merge("other", "main")
        tx.revert(tx.branch, sha)
    assert fs.exists(f"{repo}/main/b")
    assert not fs.exists(f"{repo}/main/a")


# ---- what scripts use besides the documentation


def test_listings_are_in_dircache(fs: LakeFSFileSystem, repo: str) -> None:
    root = f"{repo}/main"
    fs.pipe({f"{root}/{key}": key.encode() for key in ("a", "d/b", "d/e/c", "a/b")})
    assert len(fs.dircache) == 0
    listed = fs.ls(f"{root}/d/")
    assert dict(fs.dircache) == {f"{root}/d": listed}
    assert [info["name"] for info in fs.dircache[f"{root}/d"]] == [f"{root}/d/b", f"{root}/d/e/"]
    # A recursive listing fills the entries of all directories below.
    assert len(fs.ls(root, recursive=True)) == 7
    assert set(fs.dircache) == {root, f"{root}/a", f"{root}/d", f"{root}/d/e"}
    for folder, infos in fs.dircache.items():
        assert infos == fs.ls(folder, refresh=True)
    # A write removes the entries of the directories above it.
    fs.pipe(f"{root}/d/new", b"1")
    assert set(fs.dircache) == {f"{root}/a", f"{root}/d/e"}
    fs.ls(root)
    fs.dircache.pop(root)
    fs.invalidate_cache(f"{root}/a")
    assert set(fs.dircache) == {f"{root}/d/e"}
    fs.dircache[f"{root}/x"] = [{"name": f"{root}/x/y/", "type": "directory", "size": 0}]
    assert fs.ls(f"{root}/x", detail=False) == [f"{root}/x/y/"]
    fs.dircache.clear()
    assert f"{root}/x" not in fs.dircache
    with pytest.raises(KeyError):
        del fs.dircache[root]


def test_branches_and_tags_can_be_deleted(fs: LakeFSFileSystem, repo: str) -> None:
    with fs.transaction(repo, "main", automerge=False, delete="never") as tx:
        fs.pipe(f"{repo}/{tx.branch.id}/a", b"a")
        tag = tx.tag(tx.rev_parse("main"), "v1")
    assert tag.get_commit().id == tx.rev_parse("main").id
    assert fs.exists(f"{repo}/{tx.branch.id}/a")
    assert fs.exists(f"{repo}/v1")
    tx.branch.delete()
    tag.delete()
    assert fs.ls(repo, detail=False) == [f"{repo}/main/"]
    for each in (tx.branch, tag):
        with pytest.raises(FileNotFoundError):
            each.delete()


def test_files_of_a_transaction(fs: LakeFSFileSystem, repo: str, folder: Path) -> None:
    with fs.transaction(repo, "main") as tx:
        root = f"{repo}/{tx.branch.id}"
        fs.put_file(str(folder / "a.txt"), f"{root}/put")
        fs.pipe({f"{root}/one": b"1", f"{root}/two": b"2"})
        fs.pipe(f"{repo}/other/not-in-it", b"1")
        with fs.open(f"{root}/file", "w") as file:
            file.write("1")
        assert list(tx.files) == [f"{root}/{name}" for name in ("put", "one", "two", "file")]


def test_texts_of_errors(fs: LakeFSFileSystem, repo: str) -> None:
    with pytest.raises(NotImplementedError, match="unsupported mode 'ab'"):
        fs.open(f"{repo}/main/a", "ab")
    for name in ("no-such-repository", "REEEE"):
        with pytest.raises(ValueError, match=f"repository '{name}' does not exist"), fs.transaction(name):
            pass
    error = lakefs.exceptions.ServerException(status=401, reason="unauthorized", body='{"message": "no key"}')
    assert str(translate_lakefs_error(error, rpath="repo/main/a")) == "401 no key: 'repo/main/a'"
    assert translate_lakefs_error(error, rpath="repo/main/a").filename == "repo/main/a"
    assert str(translate_lakefs_error(error, message="oh no!")) == "oh no!"


def test_client_of_the_sdk_can_be_replaced(fs: LakeFSFileSystem) -> None:
    own = fs.client
    assert fs.client is own
    fs.client = "another"
    assert fs.client == "another"


def test_get_file_takes_precheck(fs: LakeFSFileSystem, repo: str, folder: Path, tmp_path: Path) -> None:
    path, local = f"{repo}/main/a", tmp_path / "a"
    for precheck in (False, True):
        fs.put_file(str(folder / "a.txt"), path, precheck=precheck)
        fs.get_file(path, str(local), precheck=precheck)
        assert local.read_text() == "a.txt"
    written = local.stat().st_mtime_ns
    fs.get_file(path, str(local), DEFAULT_CALLBACK, None, True)
    assert local.stat().st_mtime_ns == written
    fs.get(path, str(local), precheck=True)
    assert local.stat().st_mtime_ns == written
