from pathlib import Path

from lakeport import LakeFSFileSystem

REPO, BRANCH = "repo", "main"

local = Path("demo.txt")
local.write_text("Hello, lakeFS!")

fs = LakeFSFileSystem()
remote = f"{REPO}/{BRANCH}/{local.name}"

with fs.transaction(REPO, BRANCH) as tx:
    fs.put(str(local), f"{REPO}/{tx.branch.id}/{local.name}")
    tx.commit(message="Add demo data")

f = fs.open(remote, "rt")
assert f.readline() == "Hello, lakeFS!"

info = fs.info(remote)
assert info["size"] == local.stat().st_size
assert remote in [found["name"] for found in fs.ls(f"{REPO}/{BRANCH}/")]

with fs.transaction(REPO, BRANCH) as tx:
    fs.rm(f"{REPO}/{tx.branch.id}/{local.name}")
    tx.commit(message="Delete demo data")

assert not fs.exists(remote)
local.unlink()
