"""Handles errors: Python's exceptions for files, with a code and a reason."""

import errno

from lakeport import LakeFSFileSystem
from lakeport.errors import ConflictError, LakeportError

fs = LakeFSFileSystem()

try:
    fs.cat("quickstart/main/nothing.txt")
except FileNotFoundError as error:
    assert isinstance(error, LakeportError)
    assert error.errno == errno.ENOENT
    assert error.reason == "OBJECT_NOT_FOUND"
    assert error.filename == "quickstart/main/nothing.txt"

# The reason says what is missing.
try:
    fs.ls("quickstart/no-such-branch/")
except LakeportError as error:
    assert error.reason == "REF_NOT_FOUND"

# A directory is not an object, and tags and commits are read-only.
try:
    fs.cat("quickstart/main/data")
except IsADirectoryError as error:
    assert error.errno == errno.EISDIR

try:
    fs.pipe("quickstart/main~1/data/penguins.csv", b"")
except PermissionError as error:
    assert error.reason == "REF_NOT_A_BRANCH"


def publish(attempts: int = 3) -> None:
    """Increments a counter. After a conflict, retries with the current value."""
    for attempt in range(attempts):
        try:
            with fs.transaction("quickstart", "main") as tx:
                count = int(fs.cat(tx.path("count.txt"))) if fs.exists(tx.path("count.txt")) else 0
                fs.pipe(tx.path("count.txt"), str(count + 1).encode())
            return
        except ConflictError as error:
            if error.reason != "MERGE_CONFLICT" or attempt + 1 == attempts:
                raise


publish()
publish()
assert fs.cat("quickstart/main/count.txt") == b"2"
