"""Files: what fsspec has for them, on a branch of a lakeFS."""

import tempfile
from pathlib import Path

from lakeport import LakeFSFileSystem

fs = LakeFSFileSystem()
here = Path(tempfile.mkdtemp())
(here / "notes").mkdir()
(here / "notes/a.txt").write_text("first\n")
(here / "notes/b.txt").write_text("second\n")

# A branch that is not there is made by the first write to it, from `source_branch` ("main").
fs.put(f"{here}/notes", "quickstart/scratch/notes", recursive=True)
assert fs.find("quickstart/scratch/notes") == ["quickstart/scratch/notes/a.txt", "quickstart/scratch/notes/b.txt"]

# Bytes, at once. Many objects are one call.
fs.pipe("quickstart/scratch/hello.txt", b"hello")
fs.pipe({f"quickstart/scratch/parts/{number:03}": b"part" for number in range(500)})
assert len(fs.cat("quickstart/scratch/parts", recursive=True)) == 500
assert fs.cat_file("quickstart/scratch/hello.txt", start=1, end=3) == b"el"

# As a file. What is written is there once the file is closed, all of it.
with fs.open("quickstart/scratch/notes/c.txt", "w") as file:
    file.write("third\n")
with fs.open("quickstart/scratch/notes/c.txt") as file:
    assert file.read() == b"third\n"

# An exception in the block publishes nothing.
try:
    with fs.open("quickstart/scratch/notes/d.txt", "w") as file:
        file.write("four")
        raise RuntimeError("the source of the rest is gone")
except RuntimeError:
    assert not fs.exists("quickstart/scratch/notes/d.txt")

# What is there.
info = fs.info("quickstart/main/data/penguins.csv")
assert info["size"] == 15241
assert info["content-type"] == "text/csv"
assert info["metadata"] == {"license": "CC0-1.0"}
assert fs.checksum("quickstart/main/data/penguins.csv") == "a06a0210251465a86fb970018292304d"
assert fs.glob("quickstart/scratch/notes/*.txt")[-1] == "quickstart/scratch/notes/c.txt"
print(fs.modified("quickstart/main/data/penguins.csv"))
print(fs.du("quickstart/scratch/notes"), "bytes")

# Copies and moves are made in the lake: no byte comes here. A copy may come from another ref or repository.
fs.cp("quickstart/main/data/penguins.csv", "quickstart/scratch/penguins.csv")
fs.mv("quickstart/scratch/notes", "quickstart/scratch/old-notes", recursive=True)
fs.get("quickstart/scratch/old-notes", f"{here}/back", recursive=True)
assert (here / "back/c.txt").read_text() == "third\n"

# Metadata and types of objects.
with fs.open("quickstart/scratch/report.html", "w", content_type="text/html", metadata={"made-by": "report"}) as file:
    file.write("<p>none</p>")
fs.setxattr("quickstart/scratch/report.html", reviewed="yes")
assert fs.metadata("quickstart/scratch/report.html") == {"made-by": "report", "reviewed": "yes"}

# An object, or with recursive=True all below a folder. What is not there is a FileNotFoundError.
fs.rm("quickstart/scratch/hello.txt")
fs.rm("quickstart/scratch/parts", recursive=True)
assert not fs.exists("quickstart/scratch/parts")
