"""Uses lakeFS paths like paths of pathlib."""

from upath import UPath

from lakeport import LakeFSFileSystem

fs = LakeFSFileSystem()

main = UPath("lakefs://quickstart/main")
assert (main / "data/penguins.csv").stat().st_size == 15241
assert [path.name for path in (main / "data").iterdir()] == ["penguins.csv"]

with fs.transaction("quickstart", "main") as tx:
    notes = UPath(tx.path("notes"))
    (notes / "a.txt").write_text("first")

assert (main / "notes" / "a.txt").read_text() == "first"
