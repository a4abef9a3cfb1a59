"""pyarrow: tables and datasets."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest
from pyarrow.fs import FileSystem, FSSpecHandler, PyFileSystem, copy_files

from lakeport import LakeFSFileSystem

TABLE = pa.table({"n": [1, 2, 3, 4], "part": ["a", "b", "a", "b"]})


def test_a_large_table(fs: LakeFSFileSystem, repo: str) -> None:
    """Reads a table that is larger than the prefetched head of a file, in parts, from several threads."""
    values = np.random.default_rng(0).integers(0, 1 << 40, 400_000)
    table = pa.table({"n": values, "m": values[::-1]})
    path = f"{repo}/main/x.parquet"
    pq.write_table(table, path, filesystem=fs, row_group_size=50_000)
    assert fs.size(path) > 4 << 20
    assert pq.read_table(path, filesystem=fs) == table
    found = ds.dataset(path, filesystem=fs).to_table(columns=["m"], filter=ds.field("n") < (1 << 30))
    assert found.num_rows == (values < (1 << 30)).sum()


@pytest.mark.parametrize("scheme", ["", "lakefs://"])
def test_a_table(fs: LakeFSFileSystem, repo: str, scheme: str) -> None:
    path = f"{scheme}{repo}/main/x.parquet"
    pq.write_table(TABLE, path.removeprefix("lakefs://"), filesystem=fs)
    assert pq.read_table(path.removeprefix("lakefs://"), filesystem=fs) == TABLE
    with fs.open(path) as file:
        assert pq.read_table(file) == TABLE
        assert pq.ParquetFile(file).metadata.num_rows == 4


def test_a_dataset(fs: LakeFSFileSystem, repo: str) -> None:
    path = f"{repo}/main/x"
    ds.write_dataset(TABLE, path, format="parquet", partitioning=["part"], partitioning_flavor="hive", filesystem=fs)
    found = ds.dataset(path, format="parquet", partitioning="hive", filesystem=fs)
    assert len(found.files) == 2
    assert found.to_table(filter=ds.field("part") == "a")["n"].to_pylist() == [1, 3]
    assert found.count_rows() == 4


def test_write_to_dataset(fs: LakeFSFileSystem, repo: str) -> None:
    path = f"{repo}/main/x"
    for _ in range(2):
        pq.write_to_dataset(TABLE, path, partition_cols=["part"], filesystem=fs, existing_data_behavior="delete_matching")
    assert len(fs.find(path)) == 2
    assert pq.read_table(path, filesystem=fs).num_rows == 4
    assert pq.read_table(path, filesystem=fs, filters=[("part", "=", "b")])["n"].to_pylist() == [2, 4]


def test_existing_dataset_raises_an_error_if_required(fs: LakeFSFileSystem, repo: str) -> None:
    path = f"{repo}/main/x"
    ds.write_dataset(TABLE, path, format="parquet", filesystem=fs)
    with pytest.raises(pa.ArrowInvalid, match="exist"):
        ds.write_dataset(TABLE, path, format="parquet", filesystem=fs, existing_data_behavior="error")


def test_by_url(url: str) -> None:
    pq.write_table(TABLE, f"fsspec+{url}/x.parquet")
    assert pq.read_table(f"fsspec+{url}/x.parquet") == TABLE
    assert ds.dataset(f"fsspec+{url}/x.parquet").count_rows() == 4
    found, path = FileSystem.from_uri(f"fsspec+{url}/x.parquet")
    assert found.get_file_info(path).is_file


def test_native_uris_reject_lakefs_scheme(url: str) -> None:
    """The documentation therefore uses `fsspec+lakefs://`."""
    with pytest.raises(pa.ArrowInvalid, match="lakefs"):
        pq.read_table(f"{url}/x.parquet")


def test_streams(fs: LakeFSFileSystem, repo: str) -> None:
    wrapped = PyFileSystem(FSSpecHandler(fs))
    with wrapped.open_output_stream(f"{repo}/main/x.csv") as out:
        pyarrow.csv.write_csv(TABLE, out)
    with wrapped.open_input_stream(f"{repo}/main/x.csv") as file:
        assert pyarrow.csv.read_csv(file) == TABLE
    with wrapped.open_output_stream(f"{repo}/main/x.arrow") as out, pa.ipc.new_file(out, TABLE.schema) as writer:
        writer.write_table(TABLE)
    with wrapped.open_input_file(f"{repo}/main/x.arrow") as file:
        assert pa.ipc.open_file(file).read_all() == TABLE


def test_copy_files(fs: LakeFSFileSystem, repo: str, tmp_path: Any) -> None:
    wrapped = PyFileSystem(FSSpecHandler(fs))
    fs.pipe({f"{repo}/main/x/a": b"a", f"{repo}/main/x/y/b": b"b"})
    copy_files(f"{repo}/main/x", str(tmp_path / "here"), source_filesystem=wrapped)
    assert (tmp_path / "here/y/b").read_bytes() == b"b"
    copy_files(str(tmp_path / "here"), f"{repo}/main/z", destination_filesystem=wrapped)
    assert fs.find(f"{repo}/main/z") == [f"{repo}/main/z/a", f"{repo}/main/z/y/b"]


def test_a_dataset_in_a_transaction(fs: LakeFSFileSystem, repo: str) -> None:
    with fs.transaction(repo, "main") as tx:
        inside = f"{repo}/{tx.branch.id}/x"
        pq.write_to_dataset(TABLE, inside, partition_cols=["part"], filesystem=fs)
        assert pq.read_table(inside, filesystem=fs).num_rows == 4
        pq.write_table(TABLE, f"fsspec+{tx.path('y.parquet')}")
        assert not fs.exists(f"{repo}/main/x")
    assert pq.read_table(f"{repo}/main/x", filesystem=fs).num_rows == 4
    assert pq.read_table(f"{repo}/main/y.parquet", filesystem=fs) == TABLE
