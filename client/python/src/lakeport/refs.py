"""Branches, commits and tags, with the attributes of those in lakeFS's own SDK."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias, Union

from lakeport import _loop

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from lakeport.spec import LakeFSFileSystem
    from lakeport.v1 import versions_pb2


@dataclass(frozen=True)
class Commit:
    """A commit."""

    id: str
    """Commit ID: 64 hex digits."""
    parents: tuple[str, ...] = ()
    """IDs of the parents, in order. The first parent is the previous head of the branch."""
    committer: str = ""
    message: str = ""
    creation_date: int = 0
    """Seconds since the Unix epoch."""
    metadata: dict[str, str] = field(default_factory=dict, hash=False)

    @classmethod
    def of(cls, found: versions_pb2.Commit) -> Commit:
        """Converts a commit of the API."""
        return cls(
            found.commit_id,
            tuple(found.parent_commit_ids),
            found.committer,
            found.message,
            found.create_time.seconds,
            dict(found.metadata),
        )

    def __str__(self) -> str:
        return self.id

    def get_commit(self) -> Commit:
        """Returns the commit itself, because a commit is also a ref."""
        return self


@dataclass(frozen=True)
class Tag:
    """A tag, and the ref for which it was requested."""

    id: str
    ref: str
    repo_id: str
    _fs: LakeFSFileSystem = field(repr=False, compare=False)

    def __str__(self) -> str:
        return self.id

    def get_commit(self) -> Commit:
        """Returns the commit to which the tag points."""
        return Commit.of(_loop.run(self._fs.lakeport.versions.commit(self.repo_id, self.id), self._fs.loop))

    def delete(self) -> None:
        """Deletes the tag."""
        _loop.run(self._fs.lakeport.versions.delete_tag(self.repo_id, self.id), self._fs.loop)
        self._fs.forget_ref(self.repo_id, self.id)


@dataclass(frozen=True)
class Branch:
    """A branch. For the branch of a transaction, `id` is its name in paths."""

    repo_id: str
    id: str
    _fs: LakeFSFileSystem = field(repr=False, compare=False)
    _head: Callable[[], Coroutine[Any, Any, Commit]] = field(repr=False, compare=False)

    def __str__(self) -> str:
        return self.id

    @property
    def head(self) -> Commit:
        """Commit to which the branch points."""
        return self.get_commit()

    def get_commit(self) -> Commit:
        """Returns the commit to which the branch points."""
        return _loop.run(self._head(), self._fs.loop)

    def delete(self) -> None:
        """Deletes the branch with its uncommitted changes. The branch of an open transaction cannot be deleted."""
        _loop.run(self._fs.lakeport.versions.delete_branch(self.repo_id, self.id), self._fs.loop)
        self._fs.forget_ref(self.repo_id, self.id)


Ref: TypeAlias = Union[str, Commit, Tag, Branch, "HasId"]
"""A ref by its name or expression, or as an object of this package or of lakeFS's SDK."""


class HasId:
    """An object with an `id`, such as the refs of lakeFS's SDK."""

    id: str


def name_of(ref: Ref) -> str:
    """Returns the name of a ref or a repository."""
    return ref if isinstance(ref, str) else str(ref.id)
