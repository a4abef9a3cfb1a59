"""Reads data frames of pandas from a branch and writes them in a transaction."""

import pandas as pd

from lakeport import LakeFSFileSystem

fs = LakeFSFileSystem()

penguins = pd.read_csv("lakefs://quickstart/main/data/penguins.csv")
assert len(penguins) == 344

with fs.transaction("quickstart", "main") as tx:
    penguins.to_parquet(tx.path("data/penguins.parquet"))
    mass = penguins.groupby("species")["body_mass_g"].mean().round()
    mass.to_csv(tx.path("reports/mass.csv"))

print(pd.read_csv("lakefs://quickstart/main/reports/mass.csv"))
assert pd.read_parquet("lakefs://quickstart/main/data/penguins.parquet").equals(penguins)
