"""Connects to a server and lists its files."""

import fsspec

from lakeport import LakeFSFileSystem

# LAKEPORT_ENDPOINT is the address of the server: grpc://127.0.0.1:50051 for a server on this machine.
fs = LakeFSFileSystem()
print(fs.ls("", detail=False))
print(fs.ls("quickstart/main/", detail=False))
assert fs.ls("quickstart/main/", detail=False) == ["quickstart/main/README.md", "quickstart/main/data/"]

# Libraries find the file system by its protocol. fsspec caches it, so this is the same object.
assert fsspec.filesystem("lakefs") is fs
with fsspec.open("lakefs://quickstart/main/data/penguins.csv", "rt") as file:
    print(file.readline())

assert fs.size("lakefs://quickstart/main/data/penguins.csv") == 15241
