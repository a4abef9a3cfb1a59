"""A server on this machine for a lakeFS, which is started when it is needed."""

from lakeport import LakeFSFileSystem

# No LAKEPORT_ENDPOINT. The lakeFS and its key pair are those of ~/.lakectl.yaml, or of the variables LAKECTL_*.
fs = LakeFSFileSystem()
print(fs.ls("quickstart/main/", detail=False))

with fs.transaction("quickstart", "main") as tx:
    fs.pipe(tx.path("hello.txt"), b"hello")

assert fs.cat("quickstart/main/hello.txt") == b"hello"
