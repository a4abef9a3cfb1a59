"""universal_pathlib's paths of this file system; loaded by that package alone."""

from __future__ import annotations

from upath import UPath


class LakeFSPath(UPath):  # type: ignore[misc]
    """A path of a lakeFS: `UPath("lakefs://repo/main/data.csv")`."""

    __slots__ = ()

    @property
    def path(self) -> str:
        """What the file system takes. A slash at its end says nothing there."""
        return str(super().path).rstrip("/")

    def mkdir(self, mode: int = 0o777, parents: bool = False, exist_ok: bool = False) -> None:
        """Makes nothing, since a folder is there with its first object; one that is there is an error as pathlib has it."""
        if not exist_ok and self.exists():
            raise FileExistsError(self.path)
        super().mkdir(mode=mode, parents=parents, exist_ok=exist_ok)
