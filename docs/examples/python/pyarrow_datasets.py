"""Reads and writes Arrow tables and datasets."""

import pyarrow as pa
import pyarrow.csv
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from lakeport import LakeFSFileSystem

fs = LakeFSFileSystem()

with fs.open("quickstart/main/data/penguins.csv") as file:
    penguins = pyarrow.csv.read_csv(file)

with fs.transaction("quickstart", "main") as tx:
    pq.write_table(penguins, f"quickstart/{tx.branch.id}/data/penguins.parquet", filesystem=fs)
    ds.write_dataset(
        penguins,
        f"quickstart/{tx.branch.id}/data/by-species",
        filesystem=fs,
        format="parquet",
        partitioning=ds.partitioning(pa.schema([penguins.schema.field("species")]), flavor="hive"),
    )

dataset = ds.dataset("quickstart/main/data/by-species", filesystem=fs, partitioning="hive")
assert dataset.count_rows(filter=ds.field("species") == "Gentoo") == 124
assert pq.read_metadata("quickstart/main/data/penguins.parquet", filesystem=fs).num_rows == 344
