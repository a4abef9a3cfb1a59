"""Shows what the file system caches, and for how long."""

from lakeport import Client, LakeFSFileSystem

fs = LakeFSFileSystem()
elsewhere = Client().files("quickstart", "scratch")

fs.pipe("quickstart/scratch/a.txt", b"1")
assert fs.info("quickstart/scratch/a.txt")["size"] == 1

# Information about a branch is cached for one second. File contents are never cached.
elsewhere.write("a.txt", b"123")
print(fs.info("quickstart/scratch/a.txt")["size"], "may be 1 for a second")
assert fs.cat("quickstart/scratch/a.txt") == b"123"

# `refresh` ignores the cache. `invalidate_cache` and writes through this file system clear it.
assert fs.info("quickstart/scratch/a.txt", refresh=True)["size"] == 3
fs.invalidate_cache("quickstart/scratch")

# Do not cache branches, or cache them for one minute.
LakeFSFileSystem(use_listings_cache=False)
LakeFSFileSystem(listings_expiry_time=60.0)
