"""A report that reads one version and records its commit ID."""

import pandas as pd

from lakeport import Client, LakeFSFileSystem

fs = LakeFSFileSystem()

# The current head of main. All reads at this commit see one version, even if other clients write to main.
with Client() as client:
    commit = client.versions.commit("quickstart", "main").commit_id
version = f"lakefs://quickstart/{commit}"

penguins = pd.read_csv(f"{version}/data/penguins.csv")
islands = penguins.groupby(["island", "species"]).size().rename("penguins")

with fs.transaction("quickstart", "main", merge_kwargs={"metadata": {"report_of": commit}}) as tx:
    islands.to_csv(tx.path("reports/islands.csv"))

assert tx.rev_parse("main").metadata["report_of"] == commit
# Later, the same commit returns the same bytes.
again = pd.read_csv(f"lakefs://quickstart/{commit}/data/penguins.csv")
assert again.equals(penguins)
print(fs.cat("quickstart/main/reports/islands.csv").decode())
