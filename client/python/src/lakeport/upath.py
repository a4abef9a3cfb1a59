"""The path class of this file system for universal_pathlib. Only that package loads this module."""

from __future__ import annotations

from upath import UPath


class LakeFSPath(UPath):  # type: ignore[misc]
    """A path on lakeFS: `UPath("lakefs://repo/main/data.csv")`."""

    __slots__ = ()

    @property
    def path(self) -> str:
        """The path for the file system. A trailing slash has no meaning and is removed."""
        return str(super().path).rstrip("/")

    def mkdir(self, mode: int = 0o777, parents: bool = False, exist_ok: bool = False) -> None:
        """Creates nothing, because a directory exists once it contains an object. An existing path is an error, as in pathlib."""
        if not exist_ok and self.exists():
            raise FileExistsError(self.path)
        super().mkdir(mode=mode, parents=parents, exist_ok=exist_ok)
