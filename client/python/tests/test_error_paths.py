"""Errors of calls with two paths name the path that they are about."""

from __future__ import annotations

import base64
import json
import pickle
import re
import urllib.request
from typing import Any

import pytest

import lakeport
from lakeport import LakeFSFileSystem
from servers import Server


@pytest.fixture
def lake(fs: LakeFSFileSystem, client: lakeport.Client, server: Server, repo: str) -> str:
    """A repository with objects on `main`, a tag, and a protected branch."""
    fs.pipe({f"{repo}/main/{key}": b"1" for key in ("a", "d/1", "d/2")})
    client.versions.create_commit(repo, "main", "One")
    client.versions.create_branch(repo, "protected", "main")
    client.versions.create_tag(repo, "tag", "main")
    pair = base64.b64encode(f"{server.key}:{server.secret}".encode()).decode()
    request = urllib.request.Request(
        f"{server.rest}/api/v1/repositories/{repo}/settings/branch_protection",
        json.dumps([{"pattern": "protected"}]).encode(),
        {"Authorization": f"Basic {pair}", "Content-Type": "application/json"},
        method="PUT",
    )
    urllib.request.urlopen(request).close()
    return repo


def failure(call: Any, source: Any, target: str, **options: object) -> lakeport.LakeportError:
    with pytest.raises(lakeport.LakeportError) as raised:
        call(source, target, **options)
    return raised.value


@pytest.mark.parametrize("key", ["a", "d"])
@pytest.mark.parametrize(
    ("target", "reason"),
    [
        ("{repo}/protected/new", "BRANCH_PROTECTED"),
        ("{repo}/tag/new", "REF_NOT_A_BRANCH"),
        ("{repo}/none/new", "REF_NOT_FOUND"),
        ("no-such-repository/main/new", "REPOSITORY_NOT_FOUND"),
        ("no-such-repository/none/new", "REPOSITORY_NOT_FOUND"),
        ("{repo}/main/" + "x" * 1025, "INVALID_FIELD"),
    ],
)
def test_errors_about_the_target_name_the_target(server: Server, lake: str, key: str, target: str, reason: str) -> None:
    strict = LakeFSFileSystem(server.url, create_branch_ok=False)
    source, target = f"{lake}/main/{key}", target.format(repo=lake)
    for call in (strict.cp, strict.mv):
        error = failure(call, source, target, recursive=key == "d")
        # A move to another ref may copy a tree object by object.
        assert re.fullmatch(f"{target}(/[12])?", str(error.filename)), call
        assert (error.reason, error.filename2) == (reason, None), call
        assert str(error).startswith(f"{error.filename}: "), call
    if key == "a":
        assert failure(strict.cp_file, source, target).filename == target


@pytest.mark.parametrize("recursive", [False, True])
@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("{repo}/main/none", "OBJECT_NOT_FOUND"),
        ("{repo}/none/a", "REF_NOT_FOUND"),
        ("no-such-repository/main/a", "REPOSITORY_NOT_FOUND"),
        ("no-such-repository/none/a", "REPOSITORY_NOT_FOUND"),
        ("{repo}/main/" + "x" * 1025, "INVALID_FIELD"),
    ],
)
def test_errors_about_the_source_name_the_source(
    fs: LakeFSFileSystem, client: lakeport.Client, lake: str, source: str, reason: str, *, recursive: bool
) -> None:
    client.versions.create_branch(lake, "side", "main")
    source = source.format(repo=lake)
    for target in (f"{lake}/main/new", f"{lake}/side/new"):
        error = failure(fs.cp, source, target, recursive=recursive)
        assert (error.reason, error.filename, error.filename2) == (reason, source, None), target


@pytest.mark.parametrize(
    ("source", "target", "named"),
    [
        ("protected/a", "protected/b", "protected/b"),
        ("tag/a", "tag/b", "tag/b"),
        ("main/none", "main/b", "main/none"),
        ("none/a", "none/b", "none/a"),
    ],
)
def test_moves_on_one_ref(server: Server, lake: str, source: str, target: str, named: str) -> None:
    strict = LakeFSFileSystem(server.url, create_branch_ok=False)
    assert failure(strict.mv, f"{lake}/{source}", f"{lake}/{target}").filename == f"{lake}/{named}"


def test_copies_of_a_list_report_a_missing_target(fs: LakeFSFileSystem, lake: str) -> None:
    sources = [f"{lake}/main/a", f"{lake}/main/d/1"]
    for recursive in (False, True):
        error = failure(fs.cp, sources, "no-such-repository/main/new/", recursive=recursive)
        assert error.reason == "REPOSITORY_NOT_FOUND"
        assert str(error.filename).startswith("no-such-repository/main/new/")
    targets = [f"{lake}/main/b", f"{lake}/main/c"]
    fs.copy([f"{lake}/main/none", sources[0]], targets, recursive=True)
    assert fs.cat(targets[1]) == b"1"


def test_an_ended_transaction_is_named(fs: LakeFSFileSystem, lake: str) -> None:
    with fs.transaction(lake, "main") as tx:
        ended = tx.path("a").removeprefix("lakefs://")
    assert failure(fs.cp_file, ended, f"{lake}/main/new").filename == ended
    assert failure(fs.cp_file, f"{lake}/main/a", ended).filename == ended


def test_errors_about_neither_path_name_both() -> None:
    fs = LakeFSFileSystem("grpc://127.0.0.1:1")
    error = failure(fs.cp_file, "repo/main/a", "repo/main/b")
    assert isinstance(error, lakeport.UnavailableError)
    assert (error.filename, error.filename2) == ("repo/main/a", "repo/main/b")
    assert str(error).startswith("repo/main/a -> repo/main/b: ")
    again = pickle.loads(pickle.dumps(error))  # noqa: S301
    assert (str(again), again.filename, again.filename2) == (str(error), error.filename, error.filename2)
