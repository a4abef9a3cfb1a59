"""Hugging Face's datasets, without the network."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import datasets
import pandas as pd
import pytest

import lakeport
from lakeport import LakeFSFileSystem

DATA = {"n": [1, 2, 3], "name": ["one", "two", "thrée"]}


@pytest.fixture(autouse=True)
def _offline(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    # datasets reads its variables when it is imported.
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "datasets")
    monkeypatch.setattr(datasets.config, "DOWNLOADED_DATASETS_PATH", tmp_path / "downloads")
    monkeypatch.setattr(datasets.config, "HF_MODULES_CACHE", str(tmp_path / "modules"))
    monkeypatch.setattr(datasets.config, "HF_UPDATE_DOWNLOAD_COUNTS", False)
    datasets.disable_progress_bars()


@pytest.fixture
def files(url: str) -> str:
    for part in range(3):
        pd.DataFrame(DATA).assign(part=part).to_csv(f"{url}/csv/{part}.csv", index=False)
        pd.DataFrame(DATA).assign(part=part).to_parquet(f"{url}/parquet/{part}.parquet")
    return url


def load(kind: str, **how: Any) -> Any:
    return datasets.load_dataset(kind, split="train", **how)


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_one_file(files: str, kind: str) -> None:
    assert load(kind, data_files=f"{files}/{kind}/1.{kind}")["name"][:] == DATA["name"]


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_a_glob(files: str, kind: str) -> None:
    found = load(kind, data_files=f"{files}/{kind}/*.{kind}")
    assert sorted(found["part"]) == [0, 0, 0, 1, 1, 1, 2, 2, 2]


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_streaming(files: str, kind: str) -> None:
    found = load(kind, data_files=f"{files}/{kind}/*.{kind}", streaming=True)
    assert sum(row["n"] for row in found) == 18


def test_splits_and_storage_options(files: str, server: Any) -> None:
    names = {"train": f"{files}/csv/[01].csv", "test": f"{files}/csv/2.csv"}
    found: Any = datasets.load_dataset("csv", data_files=names, storage_options={"host": server.url})
    assert {name: len(split) for name, split in found.items()} == {"train": 6, "test": 3}


def test_a_version_by_its_commit(fs: LakeFSFileSystem, client: lakeport.Client, repo: str) -> None:
    """datasets caches a URL even after its branch has moved, so the documentation recommends commit IDs."""
    for rows in (1, 2):
        with fs.transaction(repo, "main") as tx:
            pd.DataFrame(DATA)[:rows].to_csv(tx.path("x.csv"), index=False)
        commit = client.versions.commit(repo, "main").commit_id
        assert len(load("csv", data_files=f"lakefs://{repo}/{commit}/x.csv")) == rows


def test_changed_file_is_reloaded_on_demand(files: str) -> None:
    path = f"{files}/csv/0.csv"
    assert len(load("csv", data_files=path)) == 3
    pd.DataFrame({"n": [1]}).to_csv(path, index=False)
    assert len(load("csv", data_files=path, download_mode="force_redownload")) == 1
    assert len(list(load("csv", data_files=path, streaming=True))) == 1


def test_save_and_load(url: str, fs: LakeFSFileSystem) -> None:
    datasets.Dataset.from_dict(DATA).save_to_disk(f"{url}/saved")
    assert fs.exists(f"{url}/saved/dataset_info.json")
    found: Any = datasets.load_from_disk(f"{url}/saved")
    assert found.to_dict() == DATA


def test_processes(url: str, fs: LakeFSFileSystem, repo: str) -> None:
    with fs.transaction(repo, "main") as tx:
        datasets.Dataset.from_dict({"n": list(range(100))}).save_to_disk(tx.path("saved"), num_proc=2)
        assert not fs.exists(f"{url}/saved")
    assert len(fs.glob(f"{url}/saved/*.arrow")) == 2
    found: Any = datasets.load_from_disk(f"{url}/saved")
    assert sum(found["n"]) == 4950


def test_save_and_load_splits(url: str) -> None:
    split = datasets.Dataset.from_dict(DATA)
    datasets.DatasetDict({"train": split, "test": split.select([0])}).save_to_disk(f"{url}/saved")
    found: Any = datasets.load_from_disk(f"{url}/saved")
    assert {name: len(each) for name, each in found.items()} == {"train": 3, "test": 1}


def test_parquet_and_csv(url: str) -> None:
    split = datasets.Dataset.from_dict(DATA)
    split.to_parquet(f"{url}/x.parquet")
    split.to_csv(f"{url}/x.csv")
    assert load("parquet", data_files=f"{url}/x.parquet").to_dict() == DATA
    assert load("csv", data_files=f"{url}/x.csv").to_dict() == DATA


def test_in_a_transaction(fs: LakeFSFileSystem, repo: str, url: str) -> None:
    with fs.transaction(repo, "main") as tx:
        datasets.Dataset.from_dict(DATA).save_to_disk(tx.path("saved"))
        inside: Any = datasets.load_from_disk(tx.path("saved"))
        assert inside.to_dict() == DATA
        assert not fs.exists(f"{url}/saved")
    found: Any = datasets.load_from_disk(f"{url}/saved")
    assert found.to_dict() == DATA
