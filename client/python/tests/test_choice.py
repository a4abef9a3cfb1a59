"""lakeport and lakefs-spec, both installed: which one handles `lakefs://`, and what errors say without a lakeport server."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from lakeport import LakeFSFileSystem
from servers import Server

if TYPE_CHECKING:
    from pathlib import Path

HINT = (
    "lakefs-spec is also installed: to use it for lakefs:// URLs, set LAKEPORT_LAKEFS_PROTOCOL=lakefs-spec, or call "
    'fsspec.register_implementation("lakefs", lakefs_spec.LakeFSFileSystem, clobber=True)'
)
WITHOUT = "import sys; sys.modules['lakefs_spec'] = None\n"
"""Hides lakefs-spec."""


def run(program: str, home: Path, *arguments: str, **variables: str) -> str:
    """Runs a program in a new process, because fsspec chooses the class once, and returns its output."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("LAKEPORT_", "LAKECTL_"))}
    environment |= {"HOME": str(home), "XDG_STATE_HOME": f"{home}/state", "PATH": str(home), **variables}
    command = [sys.executable, "-c", program, *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


CLASSES = """
import fsspec
print(*(fsspec.get_filesystem_class(name).__module__ for name in ("lakefs", "lakeport")))
"""


def test_lakeport_handles_both_protocols_by_default(tmp_path: Path) -> None:
    assert run(CLASSES, tmp_path) == "lakeport.spec lakeport.spec"
    assert run(CLASSES, tmp_path, LAKEPORT_LAKEFS_PROTOCOL="lakeport") == "lakeport.spec lakeport.spec"


def test_variable_chooses_lakefs_spec(tmp_path: Path) -> None:
    assert run(CLASSES, tmp_path, LAKEPORT_LAKEFS_PROTOCOL="lakefs-spec") == "lakefs_spec.spec lakeport.spec"


def test_registration_chooses_lakefs_spec(tmp_path: Path) -> None:
    program = (
        "import fsspec, lakefs_spec, lakeport\nfsspec.register_implementation('lakefs', lakefs_spec.LakeFSFileSystem, clobber=True)"
    )
    assert run(program + CLASSES, tmp_path) == "lakefs_spec.spec lakeport.spec"


@pytest.mark.parametrize(
    ("value", "hidden", "expected"),
    [
        ("other", "", 'LAKEPORT_LAKEFS_PROTOCOL=\'other\' must be "lakeport" or "lakefs-spec"'),
        (
            "lakefs-spec",
            WITHOUT,
            "LAKEPORT_LAKEFS_PROTOCOL=lakefs-spec, but lakefs-spec is not installed: install it, or remove the variable",
        ),
    ],
)
def test_impossible_choice_raises_an_error(tmp_path: Path, value: str, hidden: str, expected: str) -> None:
    program = f"""{hidden}
import fsspec
try:
    fsspec.get_filesystem_class("lakefs")
except ImportError as error:
    print(error.__cause__)
"""
    assert run(program, tmp_path, LAKEPORT_LAKEFS_PROTOCOL=value) == expected


FAILURE = """
import fsspec
fs = fsspec.filesystem("lakefs")
for call in (fs.ls, fs.exists, fs.cat):
    try:
        call("repo/main/a")
    except OSError as error:
        print(error)
"""
LAKEFS = {
    "LAKECTL_SERVER_ENDPOINT_URL": "http://127.0.0.1:1",
    "LAKECTL_CREDENTIALS_ACCESS_KEY_ID": "key",
    "LAKECTL_CREDENTIALS_SECRET_ACCESS_KEY": "secret",
}


def unused() -> str:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return f"grpc://127.0.0.1:{taken.getsockname()[1]}"


@pytest.mark.parametrize(
    ("variables", "reason"),
    [
        ({}, "no lakeport server could be reached or started: no server address is configured"),
        ({"LAKECTL_SERVER_ENDPOINT_URL": "http://127.0.0.1:1"}, "no lakeport server could be reached or started: starting one for"),
        (LAKEFS, "no lakeport server could be reached or started: no lakeport-server binary was found"),
        ({"LAKEPORT_ENDPOINT": "unused"}, "did not respond"),
    ],
)
def test_errors_without_a_server_name_lakefs_spec(tmp_path: Path, variables: dict[str, str], reason: str) -> None:
    variables = {name: unused() if value == "unused" else value for name, value in variables.items()}
    printed = run(FAILURE, tmp_path, **variables)
    assert (printed.count(reason), printed.count(HINT)) == (3, 3)
    printed = run(WITHOUT + FAILURE, tmp_path, **variables)
    assert (printed.count(reason), printed.count("lakefs-spec")) == (3, 0)


def test_both_packages_work_side_by_side(server: Server, fs: LakeFSFileSystem, repo: str, tmp_path: Path) -> None:
    program = """
import sys
import fsspec
import lakeport
from upath import UPath

repo = sys.argv[1]
with fsspec.open(f"lakefs://{repo}/main/by-lakefs-spec", "wb") as file:
    file.write(b"1")
with fsspec.open(f"lakeport://{repo}/main/by-lakeport", "wb") as file:
    file.write(b"2")
assert UPath(f"lakeport://{repo}/main/by-lakeport").read_bytes() == b"2"
fs = lakeport.LakeFSFileSystem()
assert fs.ls(f"lakeport://{repo}/main", detail=False) == [f"{repo}/main/by-lakefs-spec", f"{repo}/main/by-lakeport"]
fs.rm(f"lakefs://{repo}/main/by-lakefs-spec")
fs.rm(f"lakeport://{repo}/main/by-lakeport")
# The URL of a path in a transaction must lead to lakeport.
with fs.transaction(repo, "main") as tx:
    assert tx.path("a").startswith("lakeport://")
    with fsspec.open(tx.path("a"), "wb") as file:
        file.write(b"3")
"""
    variables = {
        "LAKEPORT_ENDPOINT": server.url,
        "LAKEPORT_LAKEFS_PROTOCOL": "lakefs-spec",
        "LAKECTL_SERVER_ENDPOINT_URL": server.rest,
        "LAKECTL_CREDENTIALS_ACCESS_KEY_ID": server.key,
        "LAKECTL_CREDENTIALS_SECRET_ACCESS_KEY": server.secret,
    }
    run(program, tmp_path, repo, **variables)
    assert fs.cat(f"{repo}/main", recursive=True) == {f"{repo}/main/a": b"3"}
