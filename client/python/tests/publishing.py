"""What each of many threads and processes does; in a module of its own, which a new process can import."""

from __future__ import annotations

import fsspec


def publish(url: str, repo: str, name: str) -> None:
    """One transaction with one file."""
    fs = fsspec.filesystem("lakefs", host=url)
    with fs.transaction(repo, "main") as tx:
        fs.pipe(tx.path(f"{name}.txt"), name.encode())
        tx.commit(f"Add {name}")
