"""Writes a dask data frame from several processes."""

import dask.dataframe as dd

from lakeport import LakeFSFileSystem

if __name__ == "__main__":
    fs = LakeFSFileSystem()
    penguins = dd.read_csv("lakefs://quickstart/main/data/penguins.csv", blocksize=4096)

    with fs.transaction("quickstart", "main") as tx:
        penguins.to_parquet(tx.path("data/penguins"), compute_kwargs={"scheduler": "processes", "num_workers": 2})

    assert len(fs.glob("quickstart/main/data/penguins/*.parquet")) == penguins.npartitions
    assert len(dd.read_parquet("lakefs://quickstart/main/data/penguins")) == 344
