"""polars, with open files, because its own URL readers do not use fsspec."""

from __future__ import annotations

import polars as pl
import pyarrow.dataset as ds
import pytest
from polars.testing import assert_frame_equal

from lakeport import LakeFSFileSystem

FRAME = pl.DataFrame({"n": [1, 2, 3, 4], "name": ["one", "two", "thrée", "four"]})


def test_parquet(fs: LakeFSFileSystem, url: str) -> None:
    with fs.open(f"{url}/x.parquet", "wb") as file:
        FRAME.write_parquet(file)
    with fs.open(f"{url}/x.parquet") as file:
        assert_frame_equal(pl.read_parquet(file), FRAME)
    with fs.open(f"{url}/x.parquet") as file:
        assert pl.read_parquet(file, columns=["n"]).columns == ["n"]


def test_csv_and_ndjson(fs: LakeFSFileSystem, url: str) -> None:
    with fs.open(f"{url}/x.csv", "wb") as file:
        FRAME.write_csv(file)
    with fs.open(f"{url}/x.csv") as file:
        assert_frame_equal(pl.read_csv(file), FRAME)
    with fs.open(f"{url}/x.ndjson", "wb") as file:
        FRAME.write_ndjson(file)
    with fs.open(f"{url}/x.ndjson") as file:
        assert_frame_equal(pl.read_ndjson(file), FRAME)


def test_scan_and_sink(fs: LakeFSFileSystem, url: str) -> None:
    with fs.open(f"{url}/x.parquet", "wb") as file:
        FRAME.lazy().sink_parquet(file)
    with fs.open(f"{url}/x.parquet") as file:
        found = pl.scan_parquet(file).filter(pl.col("n") > 2).select("name").collect()
    assert found["name"].to_list() == ["thrée", "four"]


def test_a_dataset_of_many_objects(fs: LakeFSFileSystem, url: str, repo: str) -> None:
    for part in range(3):
        with fs.open(f"{url}/parts/{part}.parquet", "wb") as file:
            FRAME.with_columns(part=pl.lit(part)).write_parquet(file)
    dataset = ds.dataset(f"{repo}/main/parts", format="parquet", filesystem=fs)
    found = pl.scan_pyarrow_dataset(dataset).filter(pl.col("part") == 1).collect()
    assert found["n"].to_list() == [1, 2, 3, 4]


def test_by_pyarrow(fs: LakeFSFileSystem, url: str) -> None:
    with fs.open(f"{url}/x.parquet", "wb") as file:
        FRAME.write_parquet(file)
    assert_frame_equal(pl.read_parquet(f"{url}/x.parquet", use_pyarrow=True), FRAME)


def test_native_readers_reject_lakefs_urls(fs: LakeFSFileSystem, url: str) -> None:
    """The documentation therefore uses `fs.open`."""
    with fs.open(f"{url}/x.parquet", "wb") as file:
        FRAME.write_parquet(file)
    for read in (pl.read_parquet, lambda path: pl.scan_parquet(path).collect()):
        with pytest.raises((FileNotFoundError, pl.exceptions.ComputeError)):
            read(f"{url}/x.parquet")
    with pytest.raises((FileNotFoundError, pl.exceptions.ComputeError)):
        FRAME.write_parquet(f"{url}/y.parquet")
    assert not fs.exists(f"{url}/y.parquet")


def test_in_a_transaction(fs: LakeFSFileSystem, repo: str, url: str) -> None:
    with fs.transaction(repo, "main") as tx:
        with fs.open(tx.path("x.parquet"), "wb") as file:
            FRAME.write_parquet(file)
        with fs.open(tx.path("x.parquet")) as file:
            assert_frame_equal(pl.read_parquet(file), FRAME)
        assert not fs.exists(f"{url}/x.parquet")
    with fs.open(f"{url}/x.parquet") as file:
        assert_frame_equal(pl.read_parquet(file), FRAME)
