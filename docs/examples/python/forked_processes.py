"""Processes that are forked from one that has used the file system."""

import multiprocessing

from lakeport import LakeFSFileSystem

fs = LakeFSFileSystem()
url = "lakefs://quickstart/main/data/penguins.csv"
whole = fs.cat(url)


def part(number: int) -> bytes:
    """Runs in a forked process, which has a file system of its own: one of fsspec's cannot be taken along."""
    return LakeFSFileSystem().cat_file(url, number * 4096, (number + 1) * 4096)


if __name__ == "__main__":
    with multiprocessing.get_context("fork").Pool(2) as processes:
        parts = processes.map(part, range(4))
    assert b"".join(parts) == whole
    # And on this side all goes on, too.
    assert fs.cat(url) == whole
