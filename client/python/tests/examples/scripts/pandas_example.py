import pandas as pd

from lakeport import LakeFSFileSystem

fs = LakeFSFileSystem()

with fs.transaction("quickstart", "main") as tx:
    lakes = pd.read_parquet(f"lakefs://quickstart/{tx.branch.id}/lakes.parquet")
    german = lakes.query('Country == "Germany"')
    german.to_csv(f"lakefs://quickstart/{tx.branch.id}/german_lakes.csv")
    tx.commit(message="Add German lakes")

assert len(pd.read_csv("lakefs://quickstart/main/german_lakes.csv")) == 2
