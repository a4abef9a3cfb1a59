"""Finds out which refs in paths are names of transactions."""

from __future__ import annotations

import re
import threading
import weakref
from typing import TYPE_CHECKING

from lakeport.errors import ExistsError

if TYPE_CHECKING:
    from lakeport.transaction import LakeFSTransaction

Name = tuple[tuple[str, str], str, str]
"""Identity of server and caller, repository, ref."""

_REMEMBERED = 1000
"""Maximum number of names of ended transactions that are remembered."""
BRANCH_LABEL = "lakeport.branch"
"""Label of a transaction that holds its branch name in paths. Other processes find the transaction by this label."""
_OWN = re.compile(r"transaction-[0-9a-f]{32}")


class Registry:
    """The transactions of this process, by the names that they have in paths."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        # Without strong references: a transaction that is garbage-collected in its block must expire.
        self._open: weakref.WeakValueDictionary[Name, LakeFSTransaction] = weakref.WeakValueDictionary()
        self._ended: dict[Name, None] = {}

    def find(self, name: Name) -> LakeFSTransaction | None:
        """Returns the open transaction with this name, or None."""
        with self._lock:
            return self._open.get(name)

    def has_ended(self, name: Name) -> bool:
        """Returns whether a transaction with this name has ended. Such names accept no writes."""
        with self._lock:
            return name in self._ended

    def add(self, names: list[Name], transaction: LakeFSTransaction) -> None:
        """Adds names of a transaction, so that paths with these refs act in it.

        Raises `ExistsError` if another transaction has one of the names.
        """
        with self._lock:
            for name in names:
                if name in self._open:
                    message = f"branch_name {name[2]!r} is already used by another transaction of this process"
                    raise ExistsError(message)
            self._open.update(dict.fromkeys(names, transaction))
            for name in names:
                self._ended.pop(name, None)

    def remove(self, names: list[Name], *, is_branch: bool) -> None:
        """Removes names of a transaction. With `is_branch`, they now name branches; otherwise they accept no writes."""
        with self._lock:
            for name in names:
                self._open.pop(name, None)
                if not is_branch:
                    self._ended[name] = None
            while len(self._ended) > _REMEMBERED:
                self._ended.pop(next(iter(self._ended)))


registry = Registry()


def split_expression(ref: str) -> tuple[str, str]:
    """Splits a ref expression into name and suffix: `main~1` into `main` and `~1`.

    The suffix of `main@`, the committed state of `main`, is empty.
    """
    found = re.search(r"[~^@]", ref)
    name, suffix = (ref, "") if found is None else (ref[: found.start()], ref[found.start() :])
    return name, "" if suffix == "@" else suffix


def may_be_transaction(ref: str) -> bool:
    """Returns whether a ref has the format of the transaction IDs that this client generates, in any process."""
    return _OWN.fullmatch(ref) is not None
