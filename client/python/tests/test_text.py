"""Text files contain the same bytes as local ones, and unclosed files are reported."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import fsspec
import pytest

from lakeport import LakeFSFileSystem
from servers import Server

if TYPE_CHECKING:
    from collections.abc import Callable

ENCODINGS = ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "UTF_32", "utf-32-be", "latin-1", "cp037", None]
OPENERS: dict[str, Callable[[LakeFSFileSystem, str, str, str, Any], Any]] = {
    "open": lambda fs, _url, path, mode, how: fs.open(path, mode, **how),
    "wrapper": lambda fs, _url, path, mode, how: io.TextIOWrapper(fs.open(path, f"{mode}b"), **how),
    "fsspec": lambda _fs, url, path, mode, how: fsspec.open(f"lakefs://{path}", mode, host=url, **how),
}


@pytest.mark.parametrize("opener", OPENERS)
@pytest.mark.parametrize("encoding", ENCODINGS)
def test_text_has_the_bytes_of_a_local_file(
    fs: LakeFSFileSystem, server: Server, repo: str, tmp_path: Path, opener: str, encoding: str | None
) -> None:
    path, local = f"{repo}/main/text", tmp_path / "text"
    for newline in (None, "", "\n", "\r\n"):
        for pieces in ([], [""], ["one\n", "", "two\r\nthré"], ["x" * 100_000]):
            how = {"encoding": encoding, "newline": newline}
            with (
                OPENERS[opener](fs, server.url, path, "w", how) as file,
                local.open("w", encoding=encoding, newline=newline) as own,
            ):
                for piece in pieces:
                    file.write(piece)
                    own.write(piece)
            assert fs.cat(path) == local.read_bytes(), (newline, pieces)
            with OPENERS[opener](fs, server.url, path, "r", how) as file, local.open(encoding=encoding, newline=newline) as own:
                assert file.read() == own.read()


@pytest.mark.parametrize(("name", "unpack"), [("a.gz", gzip.decompress), ("a.bz2", bz2.decompress), ("a.xz", lzma.decompress)])
@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
def test_compressed_text_has_a_byte_order_mark(
    fs: LakeFSFileSystem, repo: str, name: str, unpack: Callable[[bytes], bytes], encoding: str
) -> None:
    path = f"{repo}/main/{name}"
    with fs.open(path, "w", compression="infer", encoding=encoding) as file:
        file.writelines(["one\n", "two\n"])
    assert unpack(fs.cat(path)) == "one\ntwo\n".encode(encoding)
    with fs.open(path, "r", compression="infer", encoding=encoding) as file:
        assert file.read() == "one\ntwo\n"


def test_text_helpers_and_modes(fs: LakeFSFileSystem, repo: str) -> None:
    path = f"{repo}/main/text"
    fs.write_text(path, "thrée", encoding="utf-16")
    assert fs.cat(path) == "thrée".encode("utf-16")
    assert fs.read_text(path, encoding="utf-16") == "thrée"
    for mode, expected in (("r", "r"), ("rt", "r"), ("rb", "rb"), ("w", "w"), ("wt", "w"), ("wb", "wb")):
        with fs.open(path, mode) as file:
            assert file.mode == expected
    with fs.open(f"{path}-new", "xt") as file:
        assert file.mode == "x"


def test_seek_in_a_written_file(fs: LakeFSFileSystem, repo: str, tmp_path: Path) -> None:
    path, local = f"{repo}/main/file", tmp_path / "file"
    with fs.open(path, "wb", block_size=1000) as file, local.open("wb") as own:
        for each in (file, own):
            assert each.seekable()
            each.write(b"x" * 2500)
            assert each.seek(10) == 10
            each.write(b"ten")
            assert each.tell() == 13
            each.seek(5, io.SEEK_CUR)
            each.write(b"y" * 3000)
            each.seek(100, io.SEEK_END)
            each.write(b"after a gap")
            each.seek(0)
            each.write(b"first")
    assert fs.cat(path) == local.read_bytes()
    with fs.open(path, "wb") as file, zipfile.ZipFile(file, "w") as archive:
        archive.writestr("a.txt", "hello")
    with pytest.raises(ValueError, match="closed"):
        file.seek(0)
    with fs.open(path) as file, zipfile.ZipFile(file) as archive:
        assert archive.read("a.txt") == b"hello"


LEFT_OPEN = """
import asyncio, io, sys
import fsspec
from lakeport import LakeFSFileSystem
fs = LakeFSFileSystem(sys.argv[1])
path = sys.argv[2]
"""
KINDS = {
    "bytes": "file = fs.open(path, 'wb'); file.write(b'1')",
    "bytes at the start": "file = fs.open(path, 'wb'); file.write(b'1'); file.seek(0)",
    "text": "file = fs.open(path, 'w'); file.write('1')",
    "gzip": "file = fs.open(path, 'wb', compression='gzip'); file.write(b'1')",
    "bzip2 text": "file = fs.open(path, 'w', compression='bz2'); file.write('1')",
    "wrapper": "file = io.TextIOWrapper(fs.open(path, 'wb')); file.write('1')",
    "fsspec": "file = fsspec.open('lakefs://' + path, 'w', host=sys.argv[1]).open(); file.write('1')",
    "asynchronous": (
        "async def main():\\n"
        "    global file, fs\\n"
        "    fs = LakeFSFileSystem(sys.argv[1], asynchronous=True)\\n"
        "    file = await fs.open_async(path, 'wb')\\n"
        "    await file.write(b'1')\\n"
        "asyncio.run(main())"
    ),
    "asynchronous, collected": (
        "async def main():\\n"
        "    fs = LakeFSFileSystem(sys.argv[1], asynchronous=True)\\n"
        "    file = await fs.open_async(path, 'wb')\\n"
        "    await file.write(b'1')\\n"
        "asyncio.run(main())"
    ),
}


@pytest.mark.parametrize("kind", KINDS)
def test_file_left_open_at_exit_warns(fs: LakeFSFileSystem, server: Server, repo: str, kind: str) -> None:
    path = f"{repo}/main/left"
    program = LEFT_OPEN + KINDS[kind].replace("\\n", "\n")
    done = subprocess.run(
        [sys.executable, "-c", program, server.url, path], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert f"RuntimeWarning: {path} was not closed: its data is not stored" in done.stderr
    assert not fs.exists(path)


def test_empty_file_left_open_at_exit_does_not_warn(server: Server, repo: str) -> None:
    for text in ("fs.open(path, 'wb')", "fs.open(path, 'w')"):
        program = f"{LEFT_OPEN}file = {text}"
        command = [sys.executable, "-c", program, server.url, f"{repo}/main/left"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert (done.returncode, done.stderr) == (0, "")
