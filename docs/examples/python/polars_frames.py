"""Reads and writes data frames of polars."""

import polars as pl
import pyarrow.dataset as ds

from lakeport import LakeFSFileSystem

fs = LakeFSFileSystem()

# polars (2.1) opens URLs itself and does not support lakeFS, so pass it a file.
with fs.open("quickstart/main/data/penguins.csv") as file:
    penguins = pl.read_csv(file, null_values="NA")
assert len(penguins) == 344

with fs.transaction("quickstart", "main") as tx, fs.open(tx.path("data/penguins.parquet"), "wb") as file:
    penguins.write_parquet(file)

with fs.open("quickstart/main/data/penguins.parquet") as file:
    assert pl.read_parquet(file, columns=["species", "year"]).shape == (344, 2)

# A lazy query on an Arrow dataset reads only the columns and row groups that it needs.
dataset = ds.dataset("quickstart/main/data/penguins.parquet", filesystem=fs)
mass = pl.scan_pyarrow_dataset(dataset).filter(pl.col("species") == "Gentoo").select(pl.col("body_mass_g").mean())
print(mass.collect())
