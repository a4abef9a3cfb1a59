"""Code that many threads and processes run, in a module that a new process can import."""

from __future__ import annotations

import fsspec


def publish(url: str, repo: str, name: str) -> None:
    """Publishes one file in one transaction."""
    fs = fsspec.filesystem("lakefs", host=url)
    with fs.transaction(repo, "main") as tx:
        fs.pipe(tx.path(f"{name}.txt"), name.encode())
        tx.commit(f"Add {name}")
