"""Functions that scripts import from `lakefs_spec.util`."""

from __future__ import annotations

import hashlib
import itertools
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator

T = TypeVar("T")

_PARTS = {
    "protocol": r"^(?:lakefs://)?",
    "repository": r"(?P<repository>[a-z0-9][a-z0-9\-]{2,62})/",
    "ref expression": r"(?P<ref>\w[\w\-.]*(([~\^]\d*)*|@)?)/",
    "resource": r"(?P<resource>.*)",
}


def parse(path: str) -> tuple[str, str, str]:
    """Returns repository, ref and key of `lakefs://repository/ref/key`. Scheme and key are optional.

    Raises `ValueError` for any other path. The message names the invalid part.
    """
    found, start = dict[str, str](), 0
    for name, pattern in _PARTS.items():
        match = re.match(pattern, path[start:], re.DOTALL)
        if match is None:
            end = path.find("/", start)
            segment = path[start:] if end < 0 else path[start:end]
            message = f"not a valid lakeFS URI: {path!r} (hint: invalid {name} {segment!r})"
            raise ValueError(message)
        found.update(match.groupdict())
        start += match.end()
    return found["repository"], found["ref"], found["resource"]


def md5_checksum(lpath: str | os.PathLike[str], blocksize: int = 2**22) -> str:
    """Returns the MD5 checksum of a local file in hex, which is usually lakeFS's checksum of the object."""
    digest = hashlib.md5(usedforsecurity=False)
    with Path(lpath).open("rb") as file:
        while block := file.read(blocksize):
            digest.update(block)
    return digest.hexdigest()


def batched(iterable: Iterable[T], n: int) -> Iterator[tuple[T, ...]]:
    """Yields tuples of `n` items. The last one may be shorter."""
    if n < 1:
        message = "n must be at least one"
        raise ValueError(message)
    items = iter(iterable)
    while batch := tuple(itertools.islice(items, n)):
        yield batch


def depaginate(api: Callable[..., Any], *args: Any, **kwargs: Any) -> Generator[Any, None, None]:  # noqa: ANN401
    """Yields the results of a paginated call of lakeFS's SDK."""
    while True:
        page = api(*args, **kwargs)
        yield from page.results
        if not page.pagination.has_more:
            return
        kwargs["after"] = page.pagination.next_offset
