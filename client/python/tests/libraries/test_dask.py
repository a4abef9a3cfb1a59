"""dask with threads, and with processes that it starts."""

from __future__ import annotations

from typing import Any

import dask
import dask.bag
import dask.dataframe as dd
import pandas as pd
import pytest

from lakeport import LakeFSFileSystem

FRAME = pd.DataFrame({"n": range(10), "part": list("ab") * 5})


@pytest.fixture
def frame() -> Any:
    return dd.from_pandas(FRAME, npartitions=3)


def test_parquet(frame: Any, fs: LakeFSFileSystem, url: str) -> None:
    frame.to_parquet(f"{url}/x")
    assert len(fs.glob(f"{url}/x/*.parquet")) == 3
    assert dd.read_parquet(f"{url}/x")["n"].sum().compute() == 45
    assert sorted(dd.read_parquet(f"{url}/x/*.parquet", filters=[("n", ">", 7)])["n"].compute()) == [8, 9]


def test_parquet_in_a_directory_with_a_slash(frame: Any, fs: LakeFSFileSystem, url: str) -> None:
    frame.to_parquet(f"{url}/x/")
    assert fs.ls(f"{url}/x", detail=False) == [f"{url.removeprefix('lakefs://')}/x/part.{n}.parquet" for n in range(3)]


def test_parquet_is_overwritten(frame: Any, fs: LakeFSFileSystem, url: str) -> None:
    frame.to_parquet(f"{url}/x", partition_on=["part"])
    frame.to_parquet(f"{url}/x", overwrite=True)
    assert not fs.exists(f"{url}/x/part=a")
    assert len(dd.read_parquet(f"{url}/x")) == 10


def test_parquet_append_adds_objects(frame: Any, url: str) -> None:
    frame.to_parquet(f"{url}/x")
    frame.to_parquet(f"{url}/x", append=True, ignore_divisions=True)
    assert len(dd.read_parquet(f"{url}/x")) == 20


def test_single_csv_of_many_parts_is_rejected(frame: Any, url: str) -> None:
    """dask appends each part to the file, which objects do not support."""
    with pytest.raises(NotImplementedError, match="appended"):
        frame.to_csv(f"{url}/x.csv", single_file=True)


def test_csv(frame: Any, url: str, server: Any) -> None:
    frame.to_csv(f"{url}/x-*.csv", index=False)
    assert dd.read_csv(f"{url}/x-*.csv", storage_options={"host": server.url})["n"].sum().compute() == 45


def test_text(fs: LakeFSFileSystem, url: str) -> None:
    fs.pipe({f"{url}/{n}.txt": f"line {n}\n".encode() * 3 for n in range(3)})
    assert dask.bag.read_text(f"{url}/*.txt").count().compute(scheduler="sync") == 9


def test_processes(frame: Any, url: str) -> None:
    with dask.config.set({"multiprocessing.context": "spawn", "num_workers": 2}):
        frame.to_parquet(f"{url}/x", compute_kwargs={"scheduler": "processes"})
        assert dd.read_parquet(f"{url}/x")["n"].sum().compute(scheduler="processes") == 45


def test_in_a_transaction(frame: Any, fs: LakeFSFileSystem, repo: str, url: str) -> None:
    with fs.transaction(repo, "main") as tx:
        frame.to_parquet(tx.path("x"))
        assert dd.read_parquet(tx.path("x"))["n"].sum().compute() == 45
        assert not fs.exists(f"{url}/x")
    assert dd.read_parquet(f"{url}/x")["n"].sum().compute() == 45


def test_processes_in_a_transaction(frame: Any, fs: LakeFSFileSystem, repo: str, url: str) -> None:
    with fs.transaction(repo, "main") as tx, dask.config.set({"multiprocessing.context": "spawn", "num_workers": 2}):
        frame.to_csv(tx.path("x-*.csv"), index=False, compute_kwargs={"scheduler": "processes"})
        assert fs.glob(f"{url}/x-*.csv") == []
    assert len(fs.glob(f"{url}/x-*.csv")) == 3
