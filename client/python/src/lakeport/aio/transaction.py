"""Transactions: writes that are invisible to other callers until a commit publishes all of them."""

from __future__ import annotations

import asyncio
import contextlib
import time
import weakref
from typing import TYPE_CHECKING

from lakeport.aio.channel import Channel
from lakeport.aio.files import Files
from lakeport.aio.place import Place
from lakeport.errors import BusyError, LakeportError, TimedOutError, UnavailableError
from lakeport.v1 import changes_pb2, versions_pb2
from lakeport.v1 import transactions_pb2 as v1

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence
    from types import TracebackType

    from typing_extensions import Self

_COMMIT_TIMEOUT = 120.0
"""Seconds for which a commit is retried while its outcome is unknown."""
_PAUSE = 0.2
"""Seconds between two retries, unless the server specifies a delay."""
_MIN_IDLE = 10
"""Shortest idle timeout that the server accepts, in seconds."""


async def _heartbeat(of: weakref.ref[Transaction], pause: float) -> None:
    """Keeps a transaction alive while its block runs and the object exists, so that long computations do not let it expire."""
    while True:
        await asyncio.sleep(pause)
        transaction = of()
        if transaction is None:
            return
        try:
            await transaction.keep_alive()
        except (UnavailableError, TimedOutError, BusyError):
            # The next attempt may succeed.
            continue
        except LakeportError:
            # The transaction has ended. The next call in it reports that.
            return
        finally:
            del transaction


class Transaction(Files):
    """Objects of a transaction. As a context manager, it commits at the end of the block, or rolls back after an exception.

    A failed commit, for example after a conflict, leaves the transaction open: commit it with other options, or roll it back.
    The server holds the transaction: another process can continue it by its ID, and without an end by a client, it expires.
    """

    def __init__(self, channel: Channel, state: v1.Transaction, *, idle: float | None = None) -> None:
        """`idle` is the idle timeout in seconds, if it is known."""
        super().__init__(channel, Place(transaction_id=state.transaction_id))
        self._pause = max(idle or _MIN_IDLE, _MIN_IDLE) / 3
        self.state = state
        self.message = ""
        """Commit message for the end of the block. If empty, the message names the transaction."""
        self._keeping: asyncio.Task[None] | None = None

    @property
    def id(self) -> str:
        """ID of the transaction, with which any process can continue it."""
        return self.state.transaction_id

    @property
    def is_open(self) -> bool:
        """Whether the transaction was open in the last state that this object received."""
        return self.state.state == v1.TRANSACTION_STATE_OPEN

    async def __aenter__(self) -> Self:
        self._keeping = asyncio.create_task(_heartbeat(weakref.ref(self), self._pause))
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        try:
            if not self.is_open:
                return
            if kind is None:
                await self.commit()
                return
            with contextlib.suppress(LakeportError):
                # Keep the original exception. If the rollback fails, the transaction expires.
                await self.rollback()
        finally:
            await self.stop_keeping()

    async def stop_keeping(self) -> None:
        """Stops the keep-alive requests of the context manager."""
        if self._keeping is not None:
            self._keeping.cancel()
            self._keeping = None

    async def commit(
        self,
        message: str = "",
        *,
        metadata: Mapping[str, str] | None = None,
        tags: Sequence[str] = (),
        strategy: v1.MergeStrategy = v1.MERGE_STRATEGY_UNSPECIFIED,
        squash: bool = False,
        merge: bool = True,
        if_epoch: int | None = None,
    ) -> v1.Transaction:
        """Commits the transaction and merges it into the base branch.

        Retries after a lost response, and while the outcome is unknown. This is safe: a retry returns the outcome of the first
        request.
        """
        request = v1.CommitTransactionRequest(
            transaction_id=self.id,
            message=message or self.message,
            metadata=metadata or {},
            tags=tags,
            strategy=strategy,
            squash=squash,
            skip_merge=not merge,
            if_epoch=if_epoch,
        )
        self.state = await self._outcome(request)
        return self.state

    async def _outcome(self, request: v1.CommitTransactionRequest) -> v1.Transaction:
        until = time.monotonic() + _COMMIT_TIMEOUT
        while True:
            try:
                return (await self._channel.ask(lambda to: to.transactions.CommitTransaction(request, **to.once))).transaction
            except (UnavailableError, TimedOutError) as error:
                if time.monotonic() > until:
                    raise
                await asyncio.sleep(error.retry_delay or _PAUSE)

    async def validate(self) -> None:
        """Checks whether a commit would succeed now, and changes nothing. Raises its error, such as `ConflictError`."""
        request = v1.CommitTransactionRequest(transaction_id=self.id, validate_only=True)
        await self._channel.ask(lambda to: to.transactions.CommitTransaction(request, **to.once), idempotent=True)

    async def rollback(self) -> v1.Transaction:
        """Rolls the transaction back and discards all of its changes."""
        request = v1.RollbackTransactionRequest(transaction_id=self.id)
        self.state = (
            await self._channel.ask(lambda to: to.transactions.RollbackTransaction(request, **to.once), idempotent=True)
        ).transaction
        return self.state

    async def refresh(self) -> v1.Transaction:
        """Requests the current state of the transaction."""
        request = v1.GetTransactionRequest(transaction_id=self.id)
        self.state = (
            await self._channel.ask(lambda to: to.transactions.GetTransaction(request, **to.once), idempotent=True)
        ).transaction
        return self.state

    async def keep_alive(self) -> v1.Transaction:
        """Restarts the idle timeout. Every call in the transaction does the same."""
        request = v1.KeepAliveTransactionRequest(transaction_id=self.id)
        self.state = (
            await self._channel.ask(lambda to: to.transactions.KeepAliveTransaction(request, **to.once), idempotent=True)
        ).transaction
        return self.state

    async def changes(self, prefix: str = "") -> AsyncIterator[changes_pb2.PathChange]:
        """Yields the paths that the transaction changed, and those in conflict with the base branch, in byte order."""
        request = v1.ListTransactionChangesRequest(transaction_id=self.id, prefix=prefix)
        async for page in self._channel.stream(
            lambda to: to.transactions.ListTransactionChanges(request, **to.long), idempotent=True
        ):
            for change in page.changes:
                yield change

    async def watch(self) -> AsyncIterator[v1.WatchTransactionResponse]:
        """Yields the state of the transaction immediately, and after each change until the transaction has ended."""
        request = v1.WatchTransactionRequest(transaction_id=self.id)
        again = True
        while again:
            again = False
            async for seen in self._channel.stream(
                lambda to: to.transactions.WatchTransaction(request, **to.long), stalls=False, idempotent=True
            ):
                again = seen.reconnect
                yield seen

    async def create_commit(
        self, message: str, *, metadata: Mapping[str, str] | None = None, allow_empty: bool = False
    ) -> versions_pb2.Commit:
        """Creates a commit in the transaction, which stays open."""
        request = versions_pb2.CreateCommitRequest(
            transaction_id=self.id, message=message, metadata=metadata or {}, allow_empty=allow_empty
        )
        return (await self._channel.ask(lambda to: to.versions.CreateCommit(request, **to.once))).commit

    async def head(self) -> versions_pb2.Commit:
        """Returns the last commit in the transaction. Before the first one, returns the commit from which the transaction began."""
        request = versions_pb2.GetCommitRequest(transaction_id=self.id)
        return (await self._channel.ask(lambda to: to.versions.GetCommit(request, **to.once), idempotent=True)).commit

    async def revert(self, ref: str, *, parent: int = 0, message: str = "") -> versions_pb2.Commit:
        """Reverts a commit in the transaction, which stays open. The transaction must not have uncommitted changes."""
        request = versions_pb2.RevertRequest(transaction_id=self.id, ref=ref, parent_number=parent, message=message)
        return (await self._channel.ask(lambda to: to.versions.Revert(request, **to.once))).commit
