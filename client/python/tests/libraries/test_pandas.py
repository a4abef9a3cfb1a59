"""pandas, with URLs only."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from lakeport import LakeFSFileSystem

FRAME = pd.DataFrame({"n": [1, 2, 3, 4], "name": ["one", "two", "thrée", "four"], "part": ["a", "b", "a", "b"]})


@pytest.mark.parametrize("name", ["x.csv", "x.csv.gz", "x.csv.xz", "x.csv.zip"])
def test_csv(url: str, name: str) -> None:
    FRAME.to_csv(f"{url}/{name}", index=False)
    assert_frame_equal(pd.read_csv(f"{url}/{name}"), FRAME)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32", "utf-16-le"])
@pytest.mark.parametrize("name", ["x.csv", "x.csv.gz", "x.csv.zip"])
def test_csv_in_an_encoding(url: str, name: str, encoding: str) -> None:
    FRAME.to_csv(f"{url}/{name}", index=False, encoding=encoding)
    assert_frame_equal(pd.read_csv(f"{url}/{name}", encoding=encoding), FRAME)


def test_gzip_is_gzip(url: str, fs: LakeFSFileSystem) -> None:
    FRAME.to_csv(f"{url}/x.csv.gz", index=False)
    assert fs.cat(f"{url}/x.csv.gz")[:2] == b"\x1f\x8b"


def test_csv_in_pieces(url: str) -> None:
    FRAME.to_csv(f"{url}/x.csv", index=False)
    with pd.read_csv(f"{url}/x.csv", chunksize=3) as pieces:
        assert [len(piece) for piece in pieces] == [3, 1]


@pytest.mark.parametrize("lines", [False, True])
def test_json(url: str, lines: bool) -> None:
    FRAME.to_json(f"{url}/x.json", orient="records", lines=lines)
    assert_frame_equal(pd.read_json(f"{url}/x.json", orient="records", lines=lines), FRAME)


def test_pickle(url: str) -> None:
    FRAME.to_pickle(f"{url}/x.pkl")
    assert_frame_equal(pd.read_pickle(f"{url}/x.pkl"), FRAME)  # noqa: S301  (its own)


def test_parquet(url: str) -> None:
    FRAME.to_parquet(f"{url}/x.parquet")
    assert_frame_equal(pd.read_parquet(f"{url}/x.parquet"), FRAME)
    assert list(pd.read_parquet(f"{url}/x.parquet", columns=["n"])) == ["n"]


def test_feather(url: str) -> None:
    FRAME.to_feather(f"{url}/x.feather")
    assert_frame_equal(pd.read_feather(f"{url}/x.feather"), FRAME)


def test_partitioned_parquet_with_filters(url: str, fs: LakeFSFileSystem) -> None:
    FRAME.to_parquet(f"{url}/x", partition_cols=["part"])
    assert {name.split("/")[-2] for name in fs.find(f"{url}/x")} == {"part=a", "part=b"}
    assert sorted(pd.read_parquet(f"{url}/x")["n"]) == [1, 2, 3, 4]
    assert sorted(pd.read_parquet(f"{url}/x", filters=[("part", "==", "a")])["n"]) == [1, 3]
    assert list(pd.read_parquet(f"{url}/x", filters=[("n", ">", 3)])["n"]) == [4]


def test_storage_options(url: str, server: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAKEPORT_ENDPOINT", "grpc://127.0.0.1:1")
    options = {"host": server.url}
    FRAME.to_parquet(f"{url}/x.parquet", storage_options=options)
    assert_frame_equal(pd.read_parquet(f"{url}/x.parquet", storage_options=options), FRAME)
    FRAME.to_csv(f"{url}/x.csv", index=False, storage_options=options)
    assert_frame_equal(pd.read_csv(f"{url}/x.csv", storage_options=options), FRAME)


def test_missing_paths_raise_file_not_found(url: str) -> None:
    with pytest.raises(FileNotFoundError, match=r"missing\.csv"):
        pd.read_csv(f"{url}/missing.csv")
    with pytest.raises(FileNotFoundError, match=r"missing\.parquet"):
        pd.read_parquet(f"{url}/missing.parquet")


def test_append_is_rejected(url: str) -> None:
    FRAME.to_csv(f"{url}/x.csv", index=False)
    with pytest.raises(NotImplementedError, match="appended"):
        FRAME.to_csv(f"{url}/x.csv", mode="a")
    assert len(pd.read_csv(f"{url}/x.csv")) == 4


def test_an_older_version(url: str, fs: LakeFSFileSystem, repo: str) -> None:
    with fs.transaction(repo, "main") as tx:
        FRAME.to_csv(tx.path("x.csv"), index=False)
    with fs.transaction(repo, "main") as tx:
        FRAME[:1].to_csv(tx.path("x.csv"), index=False)
    assert len(pd.read_csv(f"{url}/x.csv")) == 1
    assert len(pd.read_csv(f"lakefs://{repo}/main~1/x.csv")) == 4


def test_formats_in_a_transaction(url: str, fs: LakeFSFileSystem, repo: str) -> None:
    with fs.transaction(repo, "main") as tx:
        FRAME.to_parquet(tx.path("x.parquet"))
        FRAME.to_csv(tx.path("x.csv.gz"), index=False)
        FRAME.to_json(tx.path("x.json"), orient="records")
        FRAME.to_parquet(tx.path("parts"), partition_cols=["part"])
        assert_frame_equal(pd.read_parquet(tx.path("x.parquet")), FRAME)
        assert len(pd.read_parquet(tx.path("parts"), filters=[("part", "==", "b")])) == 2
        assert not fs.exists(f"{url}/x.parquet")
    assert_frame_equal(pd.read_parquet(f"{url}/x.parquet"), FRAME)
    assert_frame_equal(pd.read_csv(f"{url}/x.csv.gz"), FRAME)
    assert_frame_equal(pd.read_json(f"{url}/x.json"), FRAME)
    assert len(pd.read_parquet(f"{url}/parts")) == 4


def test_failed_transaction_leaves_nothing(url: str, fs: LakeFSFileSystem, repo: str) -> None:
    def broken() -> None:
        with fs.transaction(repo, "main") as tx:
            FRAME.to_parquet(tx.path("x.parquet"))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        broken()
    assert not fs.exists(f"{url}/x.parquet")
