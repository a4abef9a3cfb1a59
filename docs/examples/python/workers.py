"""One transaction that many threads and processes share."""

import multiprocessing
from concurrent.futures import ThreadPoolExecutor

from lakeport import LakeFSFileSystem


def write_part(url: str) -> None:
    """Writes from another process, which knows only the URL."""
    LakeFSFileSystem().pipe(url, b"of a process")


if __name__ == "__main__":
    fs = LakeFSFileSystem()

    with fs.transaction("quickstart", "main") as tx:
        with ThreadPoolExecutor(4) as threads:
            list(threads.map(lambda number: fs.pipe(tx.path(f"parts/thread-{number}"), b"of a thread"), range(8)))
        with multiprocessing.get_context("spawn").Pool(2) as processes:
            processes.map(write_part, [tx.path(f"parts/process-{number}") for number in range(4)])

    assert len(fs.ls("quickstart/main/parts")) == 12
