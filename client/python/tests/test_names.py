"""Names with the characters of glob patterns: they mean what has exactly this name, and are patterns only if nothing has."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import fsspec.asyn
import pytest

import lakeport
from lakeport import LakeFSFileSystem
from servers import Server

if TYPE_CHECKING:
    from collections.abc import Callable

STATES = {"object": [""], "directory": ["/x", "/deep/y"], "both": ["", "/x", "/deep/y"], "missing": []}
"""Suffixes of the keys that have a name."""
DECOYS = ["run1", "run1/x", "run1/deep/y"]
"""Keys that match the patterns `run[1]`, `run*` and `run?`."""

VERBS: dict[str, Callable[[LakeFSFileSystem, str, str, Path], Any]] = {
    "cat": lambda fs, path, _to, _here: fs.cat(path),
    "cat recursive": lambda fs, path, _to, _here: fs.cat(path, recursive=True),
    "cat of a list": lambda fs, path, _to, _here: fs.cat([path]),
    "cat of the contents": lambda fs, path, _to, _here: fs.cat(f"{path}/*"),
    "copy": lambda fs, path, to, _here: fs.copy(path, to),
    "cp recursive": lambda fs, path, to, _here: fs.cp(path, to, recursive=True),
    "cp of the contents": lambda fs, path, to, _here: fs.cp(f"{path}/", to, recursive=True),
    "cp to a directory": lambda fs, path, to, _here: fs.cp(path, f"{to}/", recursive=True),
    "cp of a list": lambda fs, path, to, _here: fs.cp([path], to, recursive=True),
    "cp of two lists": lambda fs, path, to, _here: fs.cp([path], [to], recursive=True),
    "cp to a depth": lambda fs, path, to, _here: fs.cp(path, to, recursive=True, maxdepth=1),
    "cp to another branch": lambda fs, path, to, _here: fs.cp(path, to.replace("/main/", "/side/"), recursive=True),
    "cp_file": lambda fs, path, to, _here: fs.cp_file(path, to),
    "download": lambda fs, path, _to, here: fs.download(path, f"{here}/to"),
    "du": lambda fs, path, _to, _here: fs.du(path, total=False),
    "exists": lambda fs, path, _to, _here: [fs.exists(path), fs.isfile(path), fs.isdir(path), fs.exists(f"{path}/x")],
    "expand_path": lambda fs, path, _to, _here: fs.expand_path(path),
    "expand_path recursive": lambda fs, path, _to, _here: fs.expand_path([path], recursive=True),
    "expand_path to a depth": lambda fs, path, _to, _here: fs.expand_path(path, recursive=True, maxdepth=1),
    "find": lambda fs, path, _to, _here: [fs.find(path), fs.find(path, withdirs=True)],
    "get": lambda fs, path, _to, here: fs.get(path, f"{here}/to"),
    "get recursive": lambda fs, path, _to, here: fs.get(path, f"{here}/to", recursive=True),
    "get into a directory": lambda fs, path, _to, here: fs.get(path, f"{here}/", recursive=True),
    "get of a list": lambda fs, path, _to, here: fs.get([path], f"{here}/to"),
    "get to a depth": lambda fs, path, _to, here: fs.get(path, f"{here}/to", recursive=True, maxdepth=1),
    "head and tail": lambda fs, path, _to, _here: [fs.head(path, 2), fs.tail(path, 2)],
    "ls": lambda fs, path, _to, _here: [fs.ls(path, detail=False), fs.ls(path, detail=False, recursive=True)],
    "mv": lambda fs, path, to, _here: fs.mv(path, to),
    "mv recursive": lambda fs, path, to, _here: fs.mv(path, to, recursive=True),
    "mv of a list": lambda fs, path, to, _here: fs.mv([path], to, recursive=True),
    "mv to a depth": lambda fs, path, to, _here: fs.mv(path, to, recursive=True, maxdepth=1),
    "mv to another branch": lambda fs, path, to, _here: fs.mv(path, to.replace("/main/", "/side/"), recursive=True),
    "mv_file": lambda fs, path, to, _here: fsspec.asyn.sync(fs.loop, fs._mv_file, path, to),
    "put to a path": lambda fs, path, _to, here: fs.put(f"{here}/new", path),
    "put into a directory": lambda fs, path, _to, here: fs.put(f"{here}/new", f"{path}/"),
    "rm": lambda fs, path, _to, _here: fs.rm(path),
    "rm recursive": lambda fs, path, _to, _here: fs.rm(path, recursive=True),
    "rm of the contents": lambda fs, path, _to, _here: fs.rm(f"{path}/", recursive=True),
    "rm of matching contents": lambda fs, path, _to, _here: fs.rm(f"{path}/*"),
    "rm of a missing name in it": lambda fs, path, _to, _here: fs.rm(f"{path}/deep/none"),
    "rm twice": lambda fs, path, _to, _here: fs.rm([path, path], recursive=True),
    "rm of it and its contents": lambda fs, path, _to, _here: fs.rm([f"{path}/deep", path, f"{path}/x"], recursive=True),
    "rm to a depth": lambda fs, path, _to, _here: fs.rm(path, recursive=True, maxdepth=1),
    "rm_file": lambda fs, path, _to, _here: fs.rm_file(path),
    "walk": lambda fs, path, _to, _here: list(fs.walk(path)),
}
LITERAL = {"cp_file", "cp of two lists", "du", "exists", "find", "head and tail", "ls", "mv_file", "rm_file", "walk"} | {
    "put to a path",
    "put into a directory",
}
"""Verbs that never interpret a name as a pattern."""


def outcome(fs: LakeFSFileSystem, repo: str, name: str, state: str, verb: str, here: Path) -> Any:
    """Returns what a verb returns and leaves, with the name replaced."""
    (here / "new").write_bytes(b"new")
    for branch in ("main", "side"):
        if fs.find(f"{repo}/{branch}"):
            fs.rm(f"{repo}/{branch}", recursive=True)
    keys = [name + suffix for suffix in STATES[state]] + DECOYS
    fs.pipe({f"{repo}/main/in/{key}": key.replace(name, "NAME").encode() for key in keys})
    try:
        found = VERBS[verb](fs, f"{repo}/main/in/{name}", f"{repo}/main/to", here)
    except OSError as error:
        found = type(error).__name__
    paths = [path for branch in ("main", "side") for path in fs.find(f"{repo}/{branch}")]
    left = sorted((path.replace(name, "NAME"), fs.cat_file(path)) for path in paths)
    local = {str(path.relative_to(here)): path.read_bytes() for path in sorted(here.rglob("*")) if path.is_file()}
    return repr([found, left, local]).replace(name, "NAME").replace(str(here), "HERE")


@pytest.fixture
def sides(client: lakeport.Client, repo: str) -> str:
    client.versions.create_branch(repo, "side", "main")
    return repo


@pytest.mark.parametrize("verb", VERBS)
def test_verbs_treat_existing_names_literally(server: Server, sides: str, tmp_path: Path, verb: str) -> None:
    fs = LakeFSFileSystem(server.url, listings_expiry_time=0)
    for state in STATES:
        plain = tmp_path / state / "plain"
        plain.mkdir(parents=True)
        expected = outcome(fs, sides, "plain", state, verb, plain)
        for number, name in enumerate(["run[1]", "run*", "run?"]):
            if state == "missing" and verb not in LITERAL:
                continue
            here = tmp_path / state / str(number)
            here.mkdir()
            assert outcome(fs, sides, name, state, verb, here) == expected, (state, name)


def test_names_that_nothing_has_are_patterns(fs: LakeFSFileSystem, repo: str) -> None:
    root = f"{repo}/main"
    fs.pipe({f"{root}/{key}": key.encode() for key in ("run1/x", "run2/x", "run3", "other")})
    assert fs.expand_path(f"{root}/run[12]") == [f"{root}/run1", f"{root}/run2"]
    assert fs.cat(f"{root}/run?/x") == {f"{root}/run1/x": b"run1/x", f"{root}/run2/x": b"run2/x"}
    fs.cp(f"{root}/run[1]", f"{root}/copy", recursive=True)
    fs.rm(f"{root}/run*", recursive=True)
    assert fs.find(root) == [f"{root}/copy/x", f"{root}/other"]
    with pytest.raises(FileNotFoundError, match="run"):
        fs.rm(f"{root}/run*", recursive=True)


def test_glob_always_takes_a_pattern(fs: LakeFSFileSystem, repo: str) -> None:
    root = f"{repo}/main"
    fs.pipe({f"{root}/{key}": b"" for key in ("run[1]", "run[1]/x", "run1", "run1/x")})
    assert fs.glob(f"{root}/run[1]") == [f"{root}/run1"]
    assert fs.glob(f"{root}/run[1]/*") == [f"{root}/run1/x"]
    assert fs.glob(f"{root}/run[[]1]") == [f"{root}/run[1]"]


def test_existing_directories_are_literal_in_patterns(fs: LakeFSFileSystem, repo: str) -> None:
    root = f"{repo}/main"
    fs.pipe({f"{root}/{key}": b"" for key in ("a[1]/b[2]/x", "a[1]/b2/x", "a1/b[2]/x", "a1/b2/x", "a1/c2/x")})
    assert fs.expand_path(f"{root}/a[1]/b[2]/*") == [f"{root}/a[1]/b[2]/x"]
    assert fs.expand_path(f"{root}/a[1]/[bc]2") == [f"{root}/a[1]/b2"]
    assert fs.expand_path(f"{root}/a?/[bc]2") == [f"{root}/a1/b2", f"{root}/a1/c2"]
    with pytest.raises(FileNotFoundError):
        fs.rm(f"{root}/a[1]/b[2]/none")
    assert len(fs.find(root)) == 5


def test_lists_are_resolved_before_the_first_deletion(fs: LakeFSFileSystem, repo: str) -> None:
    root = f"{repo}/main"
    fs.pipe({f"{root}/{key}": b"" for key in ("run[1]/x", "run1/x", "run[2]", "run2")})
    fs.rm([f"{root}/run[2]", f"{root}/run[1]", f"{root}/run[1]/", f"{root}/run[1]/x", f"{root}/run[2]"], recursive=True)
    assert fs.find(root) == [f"{root}/run1/x", f"{root}/run2"]


def test_two_lists_are_pairs_in_their_order(fs: LakeFSFileSystem, repo: str, tmp_path: Path) -> None:
    root = f"{repo}/main"
    fs.pipe({f"{root}/b": b"b", f"{root}/a": b"a"})
    fs.cp([f"{root}/b", f"{root}/a"], [f"{root}/1", f"{root}/2"])
    fs.mv([f"{root}/b", f"{root}/a"], [f"{root}/3", f"{root}/4"])
    assert fs.cat([f"{root}/{name}" for name in "1234"]) == dict(
        zip((f"{root}/{name}" for name in "1234"), [b"b", b"a"] * 2, strict=True)
    )
    fs.get([f"{root}/3", f"{root}/4"], [f"{tmp_path}/2", f"{tmp_path}/1"])
    assert [(tmp_path / name).read_bytes() for name in "12"] == [b"a", b"b"]
    fs.put([f"{tmp_path}/2", f"{tmp_path}/1"], [f"{root}/5", f"{root}/6"])
    assert fs.cat([f"{root}/5", f"{root}/6"]) == {f"{root}/5": b"b", f"{root}/6": b"a"}
    for call in (fs.cp, fs.mv):
        with pytest.raises(ValueError, match="zip"):
            call([f"{root}/3", f"{root}/4"], [f"{root}/7"])
    assert not fs.exists(f"{root}/7")


def test_two_objects_with_one_target_raise_an_error(fs: LakeFSFileSystem, repo: str, tmp_path: Path) -> None:
    root = f"{repo}/main"
    fs.pipe({f"{root}/a/x": b"a", f"{root}/b/x": b"b"})
    for call in (fs.cp, fs.mv):
        for target in (f"{root}/to", [f"{root}/to", f"{root}/to"]):
            with pytest.raises(ValueError, match="to another name"):
                call([f"{root}/a/x", f"{root}/b/x"], target)
        with pytest.raises(ValueError, match="to another name"):
            call([f"{root}/a", f"{root}/b"], f"{root}/to", recursive=True)
    for folder in ("c", "d"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "x").write_bytes(b"")
    with pytest.raises(ValueError, match="to another name"):
        fs.put([f"{tmp_path}/c/x", f"{tmp_path}/d/x"], f"{root}/to")
    assert fs.find(root) == [f"{root}/a/x", f"{root}/b/x"]


def test_local_names_that_exist_are_literal(fs: LakeFSFileSystem, repo: str, tmp_path: Path) -> None:
    root = f"{repo}/main"
    for name in ("run[1]/x", "run1/x", "file[1]", "file1", "file2"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    fs.put(f"{tmp_path}/file[1]", f"{root}/one")
    fs.put(f"{tmp_path}/run[1]", f"{root}/tree", recursive=True)
    fs.upload([f"{tmp_path}/run[1]/x", f"{tmp_path}/file[1]"], f"{root}/list")
    fs.put(f"{tmp_path}/run[1]/*", f"{root}/matches/")
    fs.put(f"{tmp_path}/file[12]", f"{root}/pattern/")
    fs.put(f"{tmp_path}/file[1]", f"{root}/run[1]")
    fs.put(f"{tmp_path}/file[1]", f"{root}/pattern/", recursive=True, maxdepth=1)
    assert {path.removeprefix(f"{root}/"): data.decode() for path, data in fs.cat(root, recursive=True).items()} == {
        "one": "file[1]",
        "tree/x": "run[1]/x",
        "list/x": "run[1]/x",
        "list/file[1]": "file[1]",
        "matches/x": "run[1]/x",
        "pattern/file1": "file1",
        "pattern/file2": "file2",
        "pattern/file[1]": "file[1]",
        "run[1]": "file[1]",
    }
    with pytest.raises(FileNotFoundError):
        fs.put(f"{tmp_path}/run[1]/none", f"{root}/none")
    assert not fs.exists(f"{root}/none")


def test_objects_and_directories_with_the_same_name_are_both_found(
    fs: LakeFSFileSystem, client: lakeport.Client, repo: str
) -> None:
    root = f"{repo}/main/top"
    fs.pipe({f"{root}/{key}": key.encode() for key in ("a", "a/b", "a/b/c")})
    assert list(fs.walk(root)) == [(root, ["a"], ["a"]), (f"{root}/a", ["b"], ["b"]), (f"{root}/a/b", [], ["c"])]
    assert fs.ls(root, detail=False, recursive=True) == [f"{root}/{key}" for key in ("a", "a/", "a/b", "a/b/", "a/b/c")]
    assert {path: info["type"] for path, info in fs.find(root, withdirs=True, detail=True).items()} == {
        root: "directory",
        f"{root}/a": "file",
        f"{root}/a/b": "file",
        f"{root}/a/b/c": "file",
    }
    client.versions.create_branch(repo, "side", "main")
    fs.mv(f"{root}/a", f"{repo}/side/moved", recursive=True)
    assert fs.find(root) == []
    assert fs.find(f"{repo}/side") == [f"{repo}/side/moved", f"{repo}/side/moved/b", f"{repo}/side/moved/b/c"]
    fs.rm(f"{repo}/side/mov*", recursive=True)
    assert fs.find(f"{repo}/side") == []


async def test_asynchronous_names(server: Server, repo: str) -> None:
    fs, root = LakeFSFileSystem(server.url, asynchronous=True), f"{repo}/main"
    await fs._pipe({f"{root}/{key}": b"" for key in ("run[1]/x", "run1/x")})
    assert await fs._expand_path([f"{root}/run[1]"], recursive=True) == [f"{root}/run[1]", f"{root}/run[1]/x"]
    assert await fs._expand_path(f"{root}/run?", assume_literal=True) == [f"{root}/run?"]
    await fs._rm(f"{root}/run[1]", recursive=True)
    assert await fs._find(root) == [f"{root}/run1/x"]
