"""Branches that live longer than a transaction: written by one, merged by another, or left to be looked at."""

from lakeport import LakeFSFileSystem

fs = LakeFSFileSystem()

# automerge=False commits and merges nothing: the branch is left.
with fs.transaction("quickstart", "main", branch_name="draft", automerge=False) as tx:
    fs.pipe(tx.path("pages/one.txt"), b"a draft")

assert fs.cat("quickstart/draft/pages/one.txt") == b"a draft"
assert not fs.exists("quickstart/main/pages/one.txt")

# A transaction may be on any branch.
with fs.transaction("quickstart", "draft") as tx:
    fs.pipe(tx.path("pages/one.txt"), b"the final words")

# And merge one into another, at once.
with fs.transaction("quickstart", "main") as tx:
    tx.merge("draft", into="main", message="Publish the draft")

assert fs.cat("quickstart/main/pages/one.txt") == b"the final words"
