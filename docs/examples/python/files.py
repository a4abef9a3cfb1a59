"""Reads and writes files on a branch with the methods of fsspec."""

import tempfile
from pathlib import Path

from lakeport import LakeFSFileSystem

fs = LakeFSFileSystem()
here = Path(tempfile.mkdtemp())
(here / "notes").mkdir()
(here / "notes/a.txt").write_text("first\n")
(here / "notes/b.txt").write_text("second\n")

# If the branch does not exist, the first write creates it from `source_branch` ("main").
fs.put(f"{here}/notes", "quickstart/scratch/notes", recursive=True)
assert fs.find("quickstart/scratch/notes") == ["quickstart/scratch/notes/a.txt", "quickstart/scratch/notes/b.txt"]

# Write and read bytes. Many objects need only one call.
fs.pipe("quickstart/scratch/hello.txt", b"hello")
fs.pipe({f"quickstart/scratch/parts/{number:03}": b"part" for number in range(500)})
assert len(fs.cat("quickstart/scratch/parts", recursive=True)) == 500
assert fs.cat_file("quickstart/scratch/hello.txt", start=1, end=3) == b"el"

# Write and read a file. The object appears when the file is closed.
with fs.open("quickstart/scratch/notes/c.txt", "w") as file:
    file.write("third\n")
with fs.open("quickstart/scratch/notes/c.txt") as file:
    assert file.read() == b"third\n"

# After an exception in the block, the object does not appear.
try:
    with fs.open("quickstart/scratch/notes/d.txt", "w") as file:
        file.write("four")
        raise RuntimeError("the source failed")
except RuntimeError:
    assert not fs.exists("quickstart/scratch/notes/d.txt")

# Inspect objects.
info = fs.info("quickstart/main/data/penguins.csv")
assert info["size"] == 15241
assert info["content-type"] == "text/csv"
assert info["metadata"] == {"license": "CC0-1.0"}
assert fs.checksum("quickstart/main/data/penguins.csv") == "a06a0210251465a86fb970018292304d"
assert fs.glob("quickstart/scratch/notes/*.txt")[-1] == "quickstart/scratch/notes/c.txt"
print(fs.modified("quickstart/main/data/penguins.csv"))
print(fs.du("quickstart/scratch/notes"), "bytes")

# The lake copies and moves objects; the client transfers no data. A copy may read from another ref or repository.
fs.cp("quickstart/main/data/penguins.csv", "quickstart/scratch/penguins.csv")
fs.mv("quickstart/scratch/notes", "quickstart/scratch/old-notes", recursive=True)
fs.get("quickstart/scratch/old-notes", f"{here}/back", recursive=True)
assert (here / "back/c.txt").read_text() == "third\n"

# Set the content type and the metadata. Without `content_type`, the server guesses it from the file extension.
with fs.open("quickstart/scratch/report.html", "w", content_type="text/html", metadata={"made-by": "report"}) as file:
    file.write("<p>none</p>")
fs.setxattr("quickstart/scratch/report.html", reviewed="yes")
assert fs.metadata("quickstart/scratch/report.html") == {"made-by": "report", "reviewed": "yes"}

# Delete an object, or with recursive=True a directory. A missing path raises FileNotFoundError.
fs.rm("quickstart/scratch/hello.txt")
fs.rm("quickstart/scratch/parts", recursive=True)
assert not fs.exists("quickstart/scratch/parts")
