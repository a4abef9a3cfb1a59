"""Chooses the file system for `lakefs://` URLs, because lakefs-spec handles the same URLs.

The entry point of fsspec for `lakefs` is `FileSystem` in this module. `lakeport://` URLs always use lakeport.
"""

from __future__ import annotations

import os
from typing import Any

from lakeport.hints import VARIABLE, has_lakefs_spec


def __getattr__(name: str) -> Any:  # noqa: ANN401  (a class of lakeport or of lakefs-spec)
    if name == "FileSystem":
        return _chosen()
    message = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(message)


def _chosen() -> Any:  # noqa: ANN401
    """Returns the class that handles `lakefs://` URLs. fsspec calls this at the first use in a process."""
    package = os.environ.get(VARIABLE, "lakeport")
    if package == "lakeport":
        from lakeport.spec import LakeFSFileSystem  # noqa: PLC0415  (importing the class for the other package is unnecessary)

        return LakeFSFileSystem
    if package != "lakefs-spec":
        message = f'{VARIABLE}={package!r} must be "lakeport" or "lakefs-spec"'
        raise ImportError(message)
    if not has_lakefs_spec():
        message = f"{VARIABLE}=lakefs-spec, but lakefs-spec is not installed: install it, or remove the variable"
        raise ImportError(message)
    from lakefs_spec import LakeFSFileSystem as Other  # noqa: PLC0415

    return Other


def scheme() -> str:
    """Returns the scheme of URLs that lakeport handles: `lakefs`, unless another class handles it."""
    import fsspec  # noqa: PLC0415  (fsspec imports this module)

    from lakeport.spec import LakeFSFileSystem  # noqa: PLC0415

    try:
        found = fsspec.get_filesystem_class("lakefs")
    except ImportError:
        return "lakeport"
    return "lakefs" if issubclass(found, LakeFSFileSystem) else "lakeport"
