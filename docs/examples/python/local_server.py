"""Uses a lakeFS through a server that the client starts on this machine."""

from lakeport import LakeFSFileSystem

# LAKEPORT_ENDPOINT is not set. The lakeFS and its key pair come from ~/.lakectl.yaml or the variables LAKECTL_*.
fs = LakeFSFileSystem()
print(fs.ls("quickstart/main/", detail=False))

with fs.transaction("quickstart", "main") as tx:
    fs.pipe(tx.path("hello.txt"), b"hello")

assert fs.cat("quickstart/main/hello.txt") == b"hello"
