"""The ref or the transaction on which a call acts."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Place:
    """A ref of a repository, or a transaction."""

    repository: str = ""
    ref: str = ""
    transaction_id: str = ""

    def __str__(self) -> str:
        return f"transaction {self.transaction_id}" if self.transaction_id else f"{self.repository}/{self.ref}"
