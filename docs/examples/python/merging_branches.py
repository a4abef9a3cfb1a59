"""Branches that outlive a transaction: one transaction writes the branch, another one merges it."""

from lakeport import LakeFSFileSystem

fs = LakeFSFileSystem()

# With automerge=False, the transaction commits and does not merge: the branch remains.
with fs.transaction("quickstart", "main", branch_name="draft", automerge=False) as tx:
    fs.pipe(tx.path("pages/one.txt"), b"a draft")

assert fs.cat("quickstart/draft/pages/one.txt") == b"a draft"
assert not fs.exists("quickstart/main/pages/one.txt")

# A transaction may have any branch as its base.
with fs.transaction("quickstart", "draft") as tx:
    fs.pipe(tx.path("pages/one.txt"), b"the final words")

# A transaction can merge one branch into another immediately.
with fs.transaction("quickstart", "main") as tx:
    tx.merge("draft", into="main", message="Publish the draft")

assert fs.cat("quickstart/main/pages/one.txt") == b"the final words"
