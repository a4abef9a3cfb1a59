"""Branches, commits and tags, with the attributes that lakeFS's own SDK gives them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias, Union

from lakeport import _loop

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Coroutine

    from lakeport.v1 import versions_pb2


@dataclass(frozen=True)
class Commit:
    """A commit."""

    id: str
    """64 hex digits."""
    parents: tuple[str, ...] = ()
    """In order; the first is what the branch pointed to before."""
    committer: str = ""
    message: str = ""
    creation_date: int = 0
    """In seconds since 1970."""
    metadata: dict[str, str] = field(default_factory=dict, hash=False)

    @classmethod
    def of(cls, found: versions_pb2.Commit) -> Commit:
        """From the contract's."""
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
        """Itself: a commit is a reference that names itself."""
        return self


@dataclass(frozen=True)
class Tag:
    """A tag, and the ref that it was asked for."""

    id: str
    ref: str = ""

    def __str__(self) -> str:
        return self.id


@dataclass(frozen=True)
class Branch:
    """A branch; in a transaction, its name in paths."""

    repo_id: str
    id: str
    _head: Callable[[], Coroutine[Any, Any, Commit]] = field(repr=False, compare=False)
    _on: asyncio.AbstractEventLoop | None = field(repr=False, compare=False)

    def __str__(self) -> str:
        return self.id

    @property
    def head(self) -> Commit:
        """The commit that it points to."""
        return self.get_commit()

    def get_commit(self) -> Commit:
        """The commit that it points to."""
        return _loop.run(self._head(), self._on)


Ref: TypeAlias = Union[str, Commit, Tag, Branch, "HasId"]
"""What names a commit: a name or an expression, or an object of this package or of lakeFS's SDK."""


class HasId:
    """Anything with an `id`, such as what lakeFS's SDK has for refs."""

    id: str


def name_of(ref: Ref) -> str:
    """The name of a ref, a branch or a repository."""
    return ref if isinstance(ref, str) else str(ref.id)
