"""Uses a lake through lakeFS's Python SDK. Arguments: the URL of the lake, an access key ID and a secret access key."""

import sys

import lakefs
from lakefs.client import Client

host, username, password = sys.argv[1:]
client = Client(host=host, username=username, password=password)
repo = lakefs.Repository("sdk", client=client).create(storage_namespace="local://sdk", default_branch="main")
main = repo.branch("main")

main.object("a/1.txt").upload(data="one", metadata={"about": "a test"})
main.object("a/2.txt").upload(data="two", mode="xb")
assert main.object("a/1.txt").reader(mode="r").read() == "one"
stats = main.object("a/1.txt").stat()
assert (stats.size_bytes, stats.metadata) == (3, {"about": "a test"}), stats
assert [item.path for item in main.objects(prefix="a/")] == ["a/1.txt", "a/2.txt"]
assert sorted(change.path for change in main.uncommitted()) == ["a/1.txt", "a/2.txt"]
first = main.commit("two objects", metadata={"by": "the sdk"})
assert first.get_commit().metadata == {"by": "the sdk"}

side = repo.branch("side").create("main")
side.object("b").upload(data=b"\x00\xff")
side.object("a/2.txt").delete()
side.commit("one more, one less")
assert {(change.type, change.path) for change in main.diff(side)} == {("added", "b"), ("removed", "a/2.txt")}
merged = side.merge_into(main)
assert [commit.id for commit in main.log(max_amount=1)] == [merged]
assert main.object("b").reader(mode="rb").read() == b"\x00\xff"

with main.transact(commit_message="in a transaction") as tx:
    tx.object("c").upload(data="three")
assert main.object("c").exists()
tag = repo.tag("v1").create(main)
assert tag.get_commit().id == main.get_commit().id

main.object("c").upload(data="other")
try:
    side.merge_into(main)
except lakefs.exceptions.LakeFSException:
    pass
else:
    raise AssertionError("a merge into a branch with uncommitted changes must fail")
main.reset_changes()
main.revert(main.get_commit().id, parent_number=1)
assert not main.object("c").exists()
repo.delete()
