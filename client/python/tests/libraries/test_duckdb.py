"""DuckDB, with the file system registered in a connection."""

# ruff: noqa: S608  (the queries name files of the tests)

from __future__ import annotations

from collections.abc import Iterator

import duckdb
import pytest

from lakeport import LakeFSFileSystem


@pytest.fixture
def db(fs: LakeFSFileSystem) -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        connection.register_filesystem(fs)
        yield connection


@pytest.fixture
def parts(fs: LakeFSFileSystem, url: str) -> str:
    fs.pipe({f"{url}/parts/{name}": f"n,name\n{n},{n}\n".encode() for n, name in enumerate(["a.csv", "b.csv", "deep/c.csv"])})
    return f"{url}/parts"


def test_parquet(db: duckdb.DuckDBPyConnection, url: str) -> None:
    db.execute(f"COPY (SELECT range AS n FROM range(100000)) TO '{url}/x.parquet' (FORMAT parquet)")
    assert db.sql(f"SELECT count(*), sum(n) FROM '{url}/x.parquet'").fetchall() == [(100000, 4999950000)]
    assert db.sql(f"SELECT n FROM read_parquet('{url}/x.parquet') WHERE n = 77777").fetchall() == [(77777,)]


@pytest.mark.parametrize(
    ("pattern", "found"), [("*.csv", [0, 1]), ("**/*.csv", [0, 1, 2]), ("*/*.csv", [2]), ("[ab].csv", [0, 1]), ("a.csv", [0])]
)
def test_globs(db: duckdb.DuckDBPyConnection, parts: str, pattern: str, found: list[int]) -> None:
    rows = db.sql(f"SELECT n FROM read_csv('{parts}/{pattern}') ORDER BY n").fetchall()
    assert [n for (n,) in rows] == found


def test_file_names(db: duckdb.DuckDBPyConnection, parts: str) -> None:
    rows = db.sql(f"SELECT DISTINCT filename FROM read_csv('{parts}/*.csv', filename = true) ORDER BY 1").fetchall()
    assert [name.removeprefix("lakefs://") for (name,) in rows] == [
        f"{parts.removeprefix('lakefs://')}/{name}" for name in ("a.csv", "b.csv")
    ]


@pytest.mark.parametrize("name", ["x.csv", "x.csv.gz"])
def test_csv(db: duckdb.DuckDBPyConnection, url: str, name: str) -> None:
    db.execute(f"COPY (SELECT 1 AS n, 'thrée' AS name) TO '{url}/{name}'")
    assert db.sql(f"SELECT * FROM read_csv('{url}/{name}')").fetchall() == [(1, "thrée")]


def test_hive_partitions(db: duckdb.DuckDBPyConnection, fs: LakeFSFileSystem, url: str) -> None:
    for part in "ab":
        db.execute(f"COPY (SELECT '{part}{part}' AS name) TO '{url}/x/part={part}/0.parquet' (FORMAT parquet)")
    rows = db.sql(f"SELECT name FROM read_parquet('{url}/x/*/*.parquet', hive_partitioning = true) WHERE part = 'b'")
    assert rows.fetchall() == [("bb",)]
    assert len(fs.find(f"{url}/x")) == 2


@pytest.mark.parametrize("option", ["OVERWRITE_OR_IGNORE", "APPEND"])
def test_copy_to_partitions(db: duckdb.DuckDBPyConnection, fs: LakeFSFileSystem, url: str, option: str) -> None:
    rows = "(SELECT range AS n, range % 2 AS part FROM range(4))"
    db.execute(f"COPY {rows} TO '{url}/x' (FORMAT parquet, PARTITION_BY (part), {option})")
    assert {name.split("/")[-2] for name in fs.find(f"{url}/x")} == {"part=0", "part=1"}
    found = db.sql(f"SELECT n FROM read_parquet('{url}/x/**/*.parquet', hive_partitioning = true) WHERE part = 1 ORDER BY n")
    assert found.fetchall() == [(1,), (3,)]


@pytest.mark.parametrize(
    "options", ["PARTITION_BY (part)", "PER_THREAD_OUTPUT", "FILE_SIZE_BYTES 1000", "PARTITION_BY (part), OVERWRITE"]
)
def test_copy_to_a_new_directory(db: duckdb.DuckDBPyConnection, url: str, options: str) -> None:
    db.execute(f"COPY (SELECT range AS n, range % 2 AS part FROM range(4)) TO '{url}/new/x' (FORMAT parquet, {options})")
    found = db.sql(f"SELECT n, part FROM read_parquet('{url}/new/x/**/*.parquet', hive_partitioning = true) ORDER BY n")
    assert found.fetchall() == [(0, 0), (1, 1), (2, 0), (3, 1)]


def test_copy_to_a_used_directory(db: duckdb.DuckDBPyConnection, url: str) -> None:
    def copy(rows: int, option: str) -> None:
        db.execute(
            f"COPY (SELECT range AS n, 1 AS part FROM range({rows})) TO '{url}/x' (FORMAT parquet, PARTITION_BY (part){option})"
        )

    copy(2, "")
    with pytest.raises(duckdb.IOException, match="not empty"):
        copy(3, "")
    copy(3, ", OVERWRITE")
    assert db.sql(f"SELECT count(*) FROM read_parquet('{url}/x/**/*.parquet')").fetchall() == [(3,)]


def test_missing_paths_raise_file_not_found(db: duckdb.DuckDBPyConnection, url: str) -> None:
    with pytest.raises(duckdb.IOException, match="No files found"):
        db.sql(f"SELECT * FROM '{url}/missing/*.parquet'")
    with pytest.raises((duckdb.Error, FileNotFoundError)):
        db.sql(f"SELECT * FROM '{url}/missing.parquet'")


def test_in_a_transaction(db: duckdb.DuckDBPyConnection, fs: LakeFSFileSystem, repo: str, url: str) -> None:
    with fs.transaction(repo, "main") as tx:
        db.execute(f"COPY (SELECT 7 AS n) TO '{tx.path('x.parquet')}' (FORMAT parquet)")
        assert db.sql(f"SELECT n FROM '{tx.path('*.parquet')}'").fetchall() == [(7,)]
        assert not fs.exists(f"{url}/x.parquet")
    assert db.sql(f"SELECT n FROM '{url}/x.parquet'").fetchall() == [(7,)]
