"""Uses the file system in forked processes."""

import multiprocessing

from lakeport import LakeFSFileSystem

fs = LakeFSFileSystem()
url = "lakefs://quickstart/main/data/penguins.csv"
whole = fs.cat(url)


def part(number: int) -> bytes:
    """Runs in a forked process, which must create its own file system."""
    return LakeFSFileSystem().cat_file(url, number * 4096, (number + 1) * 4096)


if __name__ == "__main__":
    with multiprocessing.get_context("fork").Pool(2) as processes:
        parts = processes.map(part, range(4))
    assert b"".join(parts) == whole
    # The parent process can still use its file system.
    assert fs.cat(url) == whole
