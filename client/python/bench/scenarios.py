"""The measured jobs. Each way of a job runs once in every round, and must return the same bytes."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from bench.stage import Stage, forget, memory

if TYPE_CHECKING:
    from collections.abc import Iterator

Way = Callable[[], object]
Job = dict[str, Way]
IN_FLIGHT = 16
"""Concurrent requests of the bare REST client."""


def timed(way: Way) -> float:
    """Returns the duration in seconds."""
    began = time.perf_counter()
    way()
    return time.perf_counter() - began


def small(stage: Stage, rounds: int) -> Iterator[tuple[str, Job]]:
    """Writes and reads 1,000 objects of 4 KiB."""
    repo = stage.repository("small")
    for turn in range(rounds):
        data = {f"{repo}/main/{turn}/{index:04}.bin": f"{turn}-{index}".encode().ljust(4096) for index in range(1000)}
        theirs = {path.replace("/main/", "/main/theirs-"): value for path, value in data.items()}
        ours = {path.replace("/main/", "/main/ours-"): value for path, value in data.items()}
        yield "pipe of 1,000", {"lakeport": lambda: stage.ours.pipe(ours), "lakefs-spec": lambda: stage.theirs.pipe(theirs)}

        def cat(fs: Any, wanted: dict[str, bytes]) -> None:
            if fs.cat(list(wanted)) != wanted:
                message = "other bytes"
                raise RuntimeError(message)

        yield "cat of 1,000", {"lakeport": lambda: cat(stage.ours, ours), "lakefs-spec": lambda: cat(stage.theirs, theirs)}

        def info(fs: Any, wanted: dict[str, bytes]) -> None:
            fs.invalidate_cache()
            if [fs.info(path)["size"] for path in wanted] != [4096] * len(wanted):
                message = "other sizes"
                raise RuntimeError(message)

        def infos() -> None:
            stage.ours.invalidate_cache()
            if [found["size"] for found in stage.ours.infos(list(ours))] != [4096] * len(ours):
                message = "other sizes"
                raise RuntimeError(message)

        yield (
            "info of 1,000, one by one",
            {"lakeport": lambda: info(stage.ours, ours), "lakefs-spec": lambda: info(stage.theirs, theirs)},
        )
        yield "info of 1,000", {"lakeport": infos, "lakefs-spec": lambda: info(stage.theirs, theirs)}


def large(stage: Stage, rounds: int, mebibytes: int, folder: Path) -> Iterator[tuple[str, Job]]:
    """Uploads and downloads one large object."""
    repo, local = stage.repository("large"), folder / "large.bin"
    digest = _fill(local, mebibytes)
    for _ in range(rounds):
        yield (
            "put_file",
            {
                "lakeport": lambda: stage.ours.put_file(str(local), f"{repo}/main/ours.bin"),
                "lakefs-spec": lambda: stage.theirs.put_file(str(local), f"{repo}/main/theirs.bin", precheck=False),
            },
        )

        def get(fs: Any, name: str) -> None:
            fs.get_file(f"{repo}/main/{name}.bin", str(folder / name), precheck=False)

        yield "get_file", {"lakeport": lambda: get(stage.ours, "ours"), "lakefs-spec": lambda: get(stage.theirs, "theirs")}
        for name in ("ours", "theirs"):
            if _digest(folder / name) != digest:
                message = f"other bytes: {name}"
                raise RuntimeError(message)
            (folder / name).unlink()


def growth(stage: Stage, mebibytes: int, folder: Path) -> Iterator[tuple[str, float, float]]:
    """Memory growth of client and server for one large object, in MiB."""
    repo, local = stage.repository("growth"), folder / "growth.bin"
    _fill(local, mebibytes)
    stage.ours.pipe(f"{repo}/main/warm", b"1")
    ways: dict[str, Way] = {
        "put_file": lambda: stage.ours.put_file(str(local), f"{repo}/main/a.bin"),
        "get_file": lambda: stage.ours.get_file(f"{repo}/main/a.bin", str(folder / "down")),
    }
    for name, way in ways.items():
        before = (forget(), forget(stage.server))
        way()
        yield name, memory() - before[0], memory(stage.server) - before[1]


def trees(stage: Stage, rounds: int) -> Iterator[tuple[str, Job]]:
    """Finds and deletes 10,000 objects, and copies 1,000."""
    repo, bare = stage.repository("trees"), stage.bare(IN_FLIGHT)
    for turn in range(rounds):
        names = [f"{folder:02}/{index:03}.bin" for folder in range(10) for index in range(1000)]
        for way in ("ours", "rest", "theirs"):
            stage.ours.pipe({f"{repo}/main/{turn}/{way}/{name}": b"x" for name in names})

        def find(turn: int = turn) -> None:
            stage.ours.invalidate_cache()
            _same(len(stage.ours.find(f"{repo}/main/{turn}/ours")), len(names))

        def their_find(turn: int = turn) -> None:
            stage.theirs.invalidate_cache()
            _same(len(stage.theirs.find(f"{repo}/main/{turn}/theirs")), len(names))

        yield (
            "find of 10,000",
            {
                "lakeport": find,
                "bare REST": lambda turn=turn: _same(len(_listed(bare, repo, f"{turn}/rest/")), len(names)),  # type: ignore[misc]
                "lakefs-spec": their_find,
            },
        )
        copied = f"{turn}/ours/00"
        yield (
            "copy of a tree of 1,000",
            {
                "lakeport": lambda: stage.ours.copy(f"{repo}/main/{copied}", f"{repo}/main/copy-ours", recursive=True),
                "bare REST": lambda: _copy(bare, repo, f"{copied}/", "copy-rest/"),
            },
        )
        yield (
            "rm -r of 10,000",
            {
                "lakeport": lambda turn=turn: stage.ours.rm(f"{repo}/main/{turn}/ours", recursive=True),  # type: ignore[misc]
                "bare REST": lambda turn=turn: _delete(bare, repo, f"{turn}/rest/"),  # type: ignore[misc]
                "lakefs-spec": lambda turn=turn: stage.theirs.rm(f"{repo}/main/{turn}/theirs/", recursive=True),  # type: ignore[misc]
            },
        )


def transactions(stage: Stage, rounds: int) -> Iterator[tuple[str, Job]]:
    """Publishes ten writes together."""
    repo, bare = stage.repository("transactions"), stage.bare(IN_FLIGHT)
    for turn in range(rounds):

        def ours(turn: int = turn) -> None:
            with stage.ours.transaction(repo, "main") as tx:
                stage.ours.pipe({f"{repo}/{tx.branch.id}/ours/{turn}/{index}": b"x" * 4096 for index in range(10)})

        def one_by_one(turn: int = turn) -> None:
            with stage.ours.transaction(repo, "main") as tx:
                for index in range(10):
                    stage.ours.pipe(f"{repo}/{tx.branch.id}/each/{turn}/{index}", b"x" * 4096)

        def theirs(turn: int = turn) -> None:
            with stage.theirs.transaction(repo, "main") as tx:
                for index in range(10):
                    stage.theirs.pipe(f"{repo}/{tx.branch.id}/theirs/{turn}/{index}", b"x" * 4096)
                tx.commit("ten")

        yield (
            "a transaction of 10 writes",
            {
                "lakeport": ours,
                "lakeport, one by one": one_by_one,
                "bare REST": lambda turn=turn: _transaction(bare, repo, turn),  # type: ignore[misc]
                "lakefs-spec": theirs,
            },
        )


def counts(stage: Stage) -> Iterator[tuple[str, int, int]]:
    """Numbers of requests that reach the lake, from lakeport and from lakefs-spec."""
    import pandas as pd  # noqa: PLC0415

    repo = stage.repository("counts")
    frame = pd.DataFrame({"a": range(1000)})
    with stage.ours.open(f"{repo}/main/x.parquet", "wb") as file:
        frame.to_parquet(file)

    def both(name: str, way: Callable[[Any, str], object]) -> tuple[str, int, int]:
        stage.ours.invalidate_cache()
        stage.requests()
        way(stage.ours, "ours")
        ours = stage.requests()
        way(stage.theirs, "theirs")
        return name, ours, stage.requests()

    def write(fs: Any, name: str) -> None:
        with fs.open(f"{repo}/main/{name}", "wb") as file:
            file.write(b"x")

    def read(fs: Any, name: str) -> None:
        with fs.open(f"{repo}/main/{name}") as file:
            file.read()

    def parquet(fs: Any, _: str) -> None:
        pd.read_parquet(f"{repo}/main/x.parquet", filesystem=fs)

    def transaction(fs: Any, name: str) -> None:
        stage_repo = stage.repository(f"counts-{name}")
        stage.requests()
        with fs.transaction(stage_repo, "main") as tx:
            for index in range(10):
                fs.pipe(f"{stage_repo}/{tx.branch.id}/{index}", b"x")
            tx.commit("ten")

    yield both("write", write)
    yield both("read", read)
    yield both("pd.read_parquet", parquet)
    yield both("a transaction of 10 writes and a commit", transaction)


# ---- bare REST


def _listed(bare: Any, repo: str, prefix: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    after = ""
    while True:
        query = f"prefix={quote(prefix, safe='')}&after={quote(after, safe='')}&amount=1000"
        page = json.loads(bare("GET", f"{repo}/refs/main/objects/ls?{query}").data)
        found += page["results"]
        if not page["pagination"]["has_more"]:
            return found
        after = page["pagination"]["next_offset"]


def _at_once(work: Callable[[Any], object], items: list[Any]) -> None:
    with ThreadPoolExecutor(IN_FLIGHT) as pool:
        list(pool.map(work, items))


def _copy(bare: Any, repo: str, source: str, target: str) -> None:
    keys = [entry["path"] for entry in _listed(bare, repo, source)]

    def copy(key: str) -> None:
        to = quote(target + key.removeprefix(source), safe="")
        bare("POST", f"{repo}/branches/main/objects/copy?dest_path={to}", json={"src_path": key})

    _at_once(copy, keys)


def _delete(bare: Any, repo: str, prefix: str) -> None:
    keys = [entry["path"] for entry in _listed(bare, repo, prefix)]
    parts = [keys[start : start + 1000] for start in range(0, len(keys), 1000)]
    _at_once(lambda part: bare("POST", f"{repo}/branches/main/objects/delete", json={"paths": part}), parts)


def _transaction(bare: Any, repo: str, turn: int) -> None:
    branch = f"rest-{turn}"
    bare("POST", f"{repo}/branches", json={"name": branch, "source": "main"})
    _at_once(
        lambda index: bare("POST", f"{repo}/branches/{branch}/objects?path=rest%2F{turn}%2F{index}", body=b"x" * 4096),
        list(range(10)),
    )
    bare("POST", f"{repo}/branches/{branch}/commits", json={"message": "ten"})
    bare("POST", f"{repo}/refs/{branch}/merge/main", json={})
    bare("DELETE", f"{repo}/branches/{branch}")


# ---- helpers


def _same(found: int, expected: int) -> None:
    if found != expected:
        message = f"{found} instead of {expected}"
        raise RuntimeError(message)


def _fill(path: Path, mebibytes: int) -> str:
    digest = hashlib.md5(usedforsecurity=False)
    with path.open("wb") as file:
        for index in range(mebibytes):
            piece = hashlib.sha256(f"{index}".encode()).digest() * (1 << 15)
            digest.update(piece)
            file.write(piece)
    return digest.hexdigest()


def _digest(path: Path) -> str:
    digest = hashlib.md5(usedforsecurity=False)
    with path.open("rb") as file:
        while piece := file.read(1 << 20):
            digest.update(piece)
    return digest.hexdigest()
