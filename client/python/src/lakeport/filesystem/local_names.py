"""Names of local files, for uploads. As in the lake, a path is a pattern only if nothing has exactly this name."""

from __future__ import annotations

import os
from glob import escape, has_magic

from fsspec.implementations.local import LocalFileSystem

from lakeport.filesystem.names import Named, Paths, as_list, pattern_parts


def local_name(path: str) -> str:
    """Returns the absolute path of a local file, with `/` as separator."""
    return str(LocalFileSystem._strip_protocol(path))  # noqa: SLF001  (the only method that does this on all platforms)


def local_files(path: Paths, *, recursive: bool, maxdepth: int | None) -> Named:
    """Returns what local paths and patterns name and, with `recursive`, everything below."""
    local, named = LocalFileSystem(), Named()
    for each in as_list(path):
        name = local_name(each)
        pattern = _pattern(name)
        if pattern is not None:
            named.has_pattern = True
            found = set(local.expand_path([pattern], recursive=recursive, maxdepth=maxdepth))
        elif recursive:
            found = {name, *local.find(name, maxdepth=maxdepth, withdirs=True)}
        else:
            found = {name}
        folders = {name for name in found if os.path.isdir(name)}
        named.folders |= folders
        named.objects |= found - folders
    return named


def _pattern(name: str) -> str | None:
    """Returns the glob pattern for a path, or None if the path is a name."""
    for part, rest in pattern_parts(name):
        if os.path.lexists(part):
            return escape(part) + rest if has_magic(rest) else None
    return name if has_magic(name) else None
