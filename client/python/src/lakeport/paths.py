"""Paths of the form `repository/ref/key`."""

from __future__ import annotations

from dataclasses import dataclass

from lakeport.errors import FolderError, InvalidError


@dataclass(frozen=True)
class Path:
    """A parsed path. Missing parts are empty."""

    repository: str
    ref: str
    key: str

    @classmethod
    def parse(cls, path: str) -> Path:
        """Parses a path without its scheme. Keys are opaque and never normalised."""
        repository, _, rest = path.partition("/")
        ref, _, key = rest.partition("/")
        return cls(repository, ref, key)

    def __str__(self) -> str:
        return "/".join(part for part in (self.repository, self.ref, self.key) if part)

    @property
    def root(self) -> str:
        """`repository/ref/`, which precedes every key in paths of the ref."""
        return f"{self.repository}/{self.ref}/"

    @property
    def prefix(self) -> str:
        """Common prefix of all keys below this one."""
        return f"{self.key}/" if self.key and not self.key.endswith("/") else self.key

    def object(self) -> Path:
        """Returns the path. Raises `InvalidError` if it is empty, and `FolderError` if it names a repository or a ref."""
        if not self.repository:
            message = "an empty path names no object: expected repository/branch/path"
            raise InvalidError(message)
        if not self.ref or not self.key:
            what = "a branch, tag or commit" if self.ref else "a repository"
            message = f"names {what}, not an object: expected repository/branch/path"
            raise FolderError(message, filename=str(self))
        return self
