import duckdb

from lakeport import LakeFSFileSystem

fs = LakeFSFileSystem()
duckdb.register_filesystem(fs)

with fs.transaction("quickstart", "main") as tx:
    lakes = duckdb.read_parquet("lakefs://quickstart/main/lakes.parquet")
    italian = duckdb.sql("SELECT * FROM lakes where Country='Italy'")
    italian.to_csv(f"lakefs://quickstart/{tx.branch.id}/italian_lakes.csv")

    tx.commit(message="Add Italian lakes")

assert fs.cat("quickstart/main/italian_lakes.csv").count(b"\n") == 2
