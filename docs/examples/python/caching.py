"""What is remembered, and for how long."""

from lakeport import Client, LakeFSFileSystem

fs = LakeFSFileSystem()
elsewhere = Client().files("quickstart", "scratch")

fs.pipe("quickstart/scratch/a.txt", b"1")
assert fs.info("quickstart/scratch/a.txt")["size"] == 1

# Of a branch, what was told is believed for a second. Bytes are never remembered.
elsewhere.write("a.txt", b"123")
print(fs.info("quickstart/scratch/a.txt")["size"], "may be 1 for a second")
assert fs.cat("quickstart/scratch/a.txt") == b"123"

# What asks anew: `refresh`, `invalidate_cache`, and a write of one's own.
assert fs.info("quickstart/scratch/a.txt", refresh=True)["size"] == 3
fs.invalidate_cache("quickstart/scratch")

# A file system that remembers nothing of branches, or that believes for a minute.
LakeFSFileSystem(use_listings_cache=False)
LakeFSFileSystem(listings_expiry_time=60.0)
