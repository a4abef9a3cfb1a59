"""Which refs of paths are transactions, of this process or of others."""

from __future__ import annotations

import re
import threading
from typing import TYPE_CHECKING

from lakeport.errors import ExistsError

if TYPE_CHECKING:
    from lakeport.transaction import LakeFSTransaction

Name = tuple[tuple[str, str], str, str]
"""Which server and as whom, repository, ref."""

_REMEMBERED = 1000
"""Names of ended transactions that are remembered."""
BRANCH_LABEL = "lakeport.branch"
"""Of a transaction: the name of its branch in paths, by which other processes find it."""
_OWN = re.compile(r"transaction-[0-9a-f]{32}")


class Registry:
    """Which refs of paths are transactions of this process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open: dict[Name, LakeFSTransaction] = {}
        self._ended: dict[Name, None] = {}

    def find(self, name: Name) -> LakeFSTransaction | None:
        """The transaction that a ref is."""
        with self._lock:
            return self._open.get(name)

    def has_ended(self, name: Name) -> bool:
        """Whether a ref was the name of a transaction: what is written to it comes too late."""
        with self._lock:
            return name in self._ended

    def add(self, names: list[Name], transaction: LakeFSTransaction) -> None:
        """Paths with these names act in it from now on. `ExistsError` where one is another's."""
        with self._lock:
            for name in names:
                if name in self._open:
                    message = f"branch_name {name[2]!r} is that of another transaction of this process"
                    raise ExistsError(message)
            self._open.update(dict.fromkeys(names, transaction))
            for name in names:
                self._ended.pop(name, None)

    def remove(self, names: list[Name], *, is_branch: bool) -> None:
        """They are names of branches again, or (unless one was left) of nothing."""
        with self._lock:
            for name in names:
                self._open.pop(name, None)
                if not is_branch:
                    self._ended[name] = None
            while len(self._ended) > _REMEMBERED:
                self._ended.pop(next(iter(self._ended)))


registry = Registry()


def split_expression(ref: str) -> tuple[str, str]:
    """A name, and what is said of its history: `main~1` is `main` and `~1`; `main@` is `main` as it is committed."""
    found = re.search(r"[~^@]", ref)
    name, behind = (ref, "") if found is None else (ref[: found.start()], ref[found.start() :])
    return name, "" if behind == "@" else behind


def may_be_transaction(ref: str) -> bool:
    """Whether a ref has the form of a transaction that another process may have begun."""
    return _OWN.fullmatch(ref) is not None
