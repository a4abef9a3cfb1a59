"""Transactions: publish all changes together, or none."""

from lakeport import LakeFSFileSystem
from lakeport.errors import ConflictError

fs = LakeFSFileSystem()

# In paths, the branch name of the transaction names the transaction. `tx.path` returns such a path.
with fs.transaction("quickstart", "main") as tx:
    fs.pipe(tx.path("pages/one.txt"), b"1")
    fs.pipe(f"quickstart/{tx.branch.id}/pages/two.txt", b"2")
    assert fs.exists(tx.path("pages/one.txt"))
    # Other users do not see the files before the end of the block.
    assert not fs.exists("quickstart/main/pages/one.txt")

# At the end of the block, the transaction is committed and merged.
assert fs.cat("quickstart/main/pages/two.txt") == b"2"

# An exception rolls the transaction back and leaves no branch.
try:
    with fs.transaction("quickstart", "main") as tx:
        fs.rm(tx.path("pages"), recursive=True)
        raise RuntimeError("not like this")
except RuntimeError:
    assert fs.exists("quickstart/main/pages/one.txt")
    assert fs.ls("quickstart", detail=False) == ["quickstart/main/"]

# Commits in the transaction have their own messages. The final commit includes all uncommitted changes.
with fs.transaction("quickstart", "main", merge_kwargs={"message": "Publish pages", "metadata": {"job": "pages"}}) as tx:
    fs.pipe(tx.path("pages/three.txt"), b"3")
    third = tx.commit("Add page three", metadata={"page": "3"})
    assert tx.rev_parse(tx.branch) == third
    fs.pipe(tx.path("pages/four.txt"), b"4")
    # A revert undoes a commit in the transaction. There must be no uncommitted changes.
    fourth = tx.commit("Add page four")
    tx.revert(tx.branch, fourth)
    fs.pipe(tx.path("pages/five.txt"), b"5")

published = tx.rev_parse("main")
assert published.message == "Publish pages"
assert not fs.exists("quickstart/main/pages/four.txt")
assert fs.exists("quickstart/main/pages/five.txt")

# tag("name") tags the commit that the transaction publishes, together with it. tag(ref, "name") tags a ref.
with fs.transaction("quickstart", "main") as tx:
    fs.pipe(tx.path("pages/six.txt"), b"6")
    tx.tag(published, "pages-before")
    tx.tag("pages-v1")

assert fs.exists("quickstart/pages-v1/pages/six.txt")
assert not fs.exists("quickstart/pages-before/pages/six.txt")

# Another commit undoes a published transaction.
with fs.transaction("quickstart", "main") as tx:
    tx.revert("main", "pages-v1")
assert not fs.exists("quickstart/main/pages/six.txt")

# If two transactions change the same path, the second fails, unless it has a merge strategy.
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
