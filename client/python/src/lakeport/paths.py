"""Paths of files: `repository/ref/key`."""

from __future__ import annotations

from dataclasses import dataclass

from lakeport.aio.place import Place
from lakeport.errors import FolderError, InvalidError


@dataclass(frozen=True)
class Path:
    """A path, taken apart. What is empty was not said."""

    repository: str
    ref: str
    key: str

    @classmethod
    def parse(cls, path: str) -> Path:
        """Of a path without its scheme. Keys are opaque: nothing in them is normalised."""
        repository, _, rest = path.partition("/")
        ref, _, key = rest.partition("/")
        return cls(repository, ref, key)

    def __str__(self) -> str:
        return "/".join(part for part in (self.repository, self.ref, self.key) if part)

    @property
    def root(self) -> str:
        """Of the ref, with the slash behind it: what stands before each key."""
        return f"{self.repository}/{self.ref}/"

    @property
    def prefix(self) -> str:
        """What keys below this one begin with."""
        return f"{self.key}/" if self.key and not self.key.endswith("/") else self.key

    def object(self) -> Path:
        """The path, if it may name an object."""
        if not self.repository:
            message = "an empty path names no object: it has to be repository/branch/path"
            raise InvalidError(message)
        if not self.ref or not self.key:
            what = "a branch, tag or commit" if self.ref else "a repository"
            message = f"names {what}, not an object: it has to be repository/branch/path"
            raise FolderError(message, filename=str(self))
        return self


@dataclass(frozen=True)
class Located:
    """A path, and where calls about it go: a ref, or a transaction that is named like one."""

    path: Path
    place: Place
