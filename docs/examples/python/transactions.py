"""Transactions: what is written in one is there all at once, or not at all."""

from lakeport import LakeFSFileSystem
from lakeport.errors import ConflictError

fs = LakeFSFileSystem()

# The name of the transaction's branch stands for the transaction in paths. `tx.path` makes such a path.
with fs.transaction("quickstart", "main") as tx:
    fs.pipe(tx.path("pages/one.txt"), b"1")
    fs.pipe(f"quickstart/{tx.branch.id}/pages/two.txt", b"2")
    assert fs.exists(tx.path("pages/one.txt"))
    # Nobody else sees it before the end of the block.
    assert not fs.exists("quickstart/main/pages/one.txt")

# Then all of it is committed and merged.
assert fs.cat("quickstart/main/pages/two.txt") == b"2"

# An exception rolls all of it back. No branch is left.
try:
    with fs.transaction("quickstart", "main") as tx:
        fs.rm(tx.path("pages"), recursive=True)
        raise RuntimeError("not like this")
except RuntimeError:
    assert fs.exists("quickstart/main/pages/one.txt")
    assert fs.ls("quickstart", detail=False) == ["quickstart/main/"]

# Commits within the transaction have messages of their own. What is not committed at the end is committed with the merge.
with fs.transaction("quickstart", "main", merge_kwargs={"message": "Publish pages", "metadata": {"job": "pages"}}) as tx:
    fs.pipe(tx.path("pages/three.txt"), b"3")
    third = tx.commit("Add page three", metadata={"page": "3"})
    assert tx.rev_parse(tx.branch) == third
    fs.pipe(tx.path("pages/four.txt"), b"4")
    # Its commits and its changes can be undone in it. Nothing may be uncommitted then.
    fourth = tx.commit("Add page four")
    tx.revert(tx.branch, fourth)
    fs.pipe(tx.path("pages/five.txt"), b"5")

published = tx.rev_parse("main")
assert published.message == "Publish pages"
assert not fs.exists("quickstart/main/pages/four.txt")
assert fs.exists("quickstart/main/pages/five.txt")

# tag("name") tags what the transaction commits: with its commit, or not at all. tag(ref, "name") tags a ref.
with fs.transaction("quickstart", "main") as tx:
    fs.pipe(tx.path("pages/six.txt"), b"6")
    tx.tag(published, "pages-before")
    tx.tag("pages-v1")

assert fs.exists("quickstart/pages-v1/pages/six.txt")
assert not fs.exists("quickstart/pages-before/pages/six.txt")

# What was published is undone by a commit more.
with fs.transaction("quickstart", "main") as tx:
    tx.revert("main", "pages-v1")
assert not fs.exists("quickstart/main/pages/six.txt")

# Two transactions that changed the same path: the second one fails, unless it says whose change stands.
try:
    with fs.transaction("quickstart", "main") as slow:
        fs.pipe(slow.path("pages/one.txt"), b"slow")
        with fs.transaction("quickstart", "main") as fast:
            fs.pipe(fast.path("pages/one.txt"), b"fast")
except ConflictError as error:
    assert error.reason == "MERGE_CONFLICT"
assert fs.cat("quickstart/main/pages/one.txt") == b"fast"

with fs.transaction("quickstart", "main", merge_kwargs={"strategy": "source-wins"}) as slow:
    fs.pipe(slow.path("pages/one.txt"), b"slow")
    with fs.transaction("quickstart", "main") as fast:
        fs.pipe(fast.path("pages/one.txt"), b"fast again")
assert fs.cat("quickstart/main/pages/one.txt") == b"slow"
