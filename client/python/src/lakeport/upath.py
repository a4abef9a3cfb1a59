"""universal_pathlib's paths of this file system; loaded by that package alone."""

from __future__ import annotations

from upath import UPath


class LakeFSPath(UPath):  # type: ignore[misc]
    """A path of a lakeFS: `UPath("lakefs://repo/main/data.csv")`."""

    __slots__ = ()
