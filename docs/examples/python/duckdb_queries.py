"""Reads and writes with DuckDB."""

import duckdb

from lakeport import LakeFSFileSystem

fs = LakeFSFileSystem()
duckdb.register_filesystem(fs)

penguins = duckdb.read_csv("lakefs://quickstart/main/data/penguins.csv", na_values="NA")
with fs.transaction("quickstart", "main") as tx:
    penguins.to_parquet(tx.path("data/penguins.parquet"))
    heavy = duckdb.sql("SELECT species, max(body_mass_g) AS mass FROM penguins GROUP BY species ORDER BY mass")
    heavy.to_csv(tx.path("reports/heavy.csv"))

found = duckdb.sql("SELECT count(*) FROM 'lakefs://quickstart/main/data/*.parquet'").fetchall()
assert found == [(344,)]
print(fs.cat("quickstart/main/reports/heavy.csv").decode())
