import polars as pl

from lakeport import LakeFSFileSystem

fs = LakeFSFileSystem()

with fs.transaction("quickstart", "main") as tx:
    # polars 2 does not open URLs through fsspec, so the file is opened here.
    with fs.open(f"lakefs://quickstart/{tx.branch.id}/lakes.parquet", "rb") as f:
        lakes = pl.read_parquet(f)
    american = lakes.filter(pl.col("Country") == "United States of America")

    with fs.open(f"lakefs://quickstart/{tx.branch.id}/us_lakes.csv", "wb") as f:
        american.write_csv(f)

    tx.commit(message="Add US lakes")

assert fs.cat("quickstart/main/us_lakes.csv").count(b"\n") == 4
