"""A job that publishes many files and a tag: all of them, or none."""

import pandas as pd

from lakeport import LakeFSFileSystem


def publish(fs: LakeFSFileSystem, source: str, release: str) -> int:
    """Cleans a table, writes one file per year, and tags the release. A failure leaves the lake unchanged."""
    table = pd.read_csv(source).dropna()
    merge = {"message": f"Publish penguins {release}", "metadata": {"job": "etl", "source": source}}
    with fs.transaction("quickstart", "main", merge_kwargs=merge) as tx:
        # Delete the files of the previous release.
        if fs.exists(tx.path("clean")):
            fs.rm(tx.path("clean"), recursive=True)
        for year, rows in table.groupby("year"):
            rows.to_parquet(tx.path(f"clean/year={year}/penguins.parquet"))
        written = sum(len(pd.read_parquet(tx.path(name.split("/", 2)[2]))) for name in fs.find(tx.path("clean")))
        if written != len(table):
            raise ValueError(f"{written} of {len(table)} rows were written")
        tx.tag(release)
    return written


fs = LakeFSFileSystem()
rows = publish(fs, "lakefs://quickstart/main/data/penguins.csv", "penguins-v1")
assert rows == 333
assert len(fs.find("quickstart/penguins-v1/clean")) == 3

# A second run fails because the tag exists, and changes nothing.
before = fs.checksum("quickstart/main/clean/year=2007/penguins.parquet")
try:
    publish(fs, "lakefs://quickstart/main/data/penguins.csv", "penguins-v1")
except FileExistsError as error:
    print(error)
assert fs.checksum("quickstart/main/clean/year=2007/penguins.parquet") == before
