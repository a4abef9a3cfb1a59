"""Transactions: files that nobody else sees before they are committed, all together."""

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
from lakeport.v1 import transactions_pb2 as v1
from lakeport.v1 import versions_pb2

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence
    from types import TracebackType

    from typing_extensions import Self

_PATIENCE = 120.0
"""Seconds for which a commit is asked for again whose outcome is not known yet."""
_PAUSE = 0.2
"""Seconds between two of these, where the server asks for none."""
_SHORTEST = 10
"""Seconds of the shortest idle timeout that there is."""


async def _keep(of: weakref.ref[Transaction], pause: float) -> None:
    """Keeps a transaction while its block lasts, and it is not forgotten: what takes long on this side is no reason to end it."""
    while True:
        await asyncio.sleep(pause)
        transaction = of()
        if transaction is None:
            return
        try:
            await transaction.keep_alive()
        except (UnavailableError, TimedOutError, BusyError):
            # The next one may get through.
            continue
        except LakeportError:
            # It has ended; who works in it is told so.
            return
        finally:
            del transaction


class Transaction(Files):
    """Files of a transaction. As a context manager it is committed at the end of the block, or rolled back by an exception.

    A commit that is refused, by a conflict say, leaves it open: commit it otherwise, or roll it back.
    The server holds it: its ID goes on with it in another process, and what nobody ends, ends by itself.
    """

    def __init__(self, channel: Channel, state: v1.Transaction, *, idle: float | None = None) -> None:
        """`idle`: its idle timeout in seconds, if that is known."""
        super().__init__(channel, Place(transaction_id=state.transaction_id))
        self._pause = max(idle or _SHORTEST, _SHORTEST) / 3
        self.state = state
        self.message = ""
        """Of the commit at the end of the block; empty: one that names the transaction."""
        self._keeping: asyncio.Task[None] | None = None

    @property
    def id(self) -> str:
        """What the transaction goes on by, anywhere."""
        return self.state.transaction_id

    @property
    def is_open(self) -> bool:
        """Whether it was neither committed nor ended, as far as this object was told."""
        return self.state.state == v1.TRANSACTION_STATE_OPEN

    async def __aenter__(self) -> Self:
        self._keeping = asyncio.create_task(_keep(weakref.ref(self), self._pause))
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        try:
            if not self.is_open:
                return
            if kind is None:
                await self.commit()
                return
            with contextlib.suppress(LakeportError):
                # The exception is what happened; a transaction that cannot be rolled back ends by itself.
                await self.rollback()
        finally:
            await self.stop_keeping()

    async def stop_keeping(self) -> None:
        """Ends what keeps the transaction from ending by itself."""
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
        """Commits all of it and merges that into the base branch.

        An answer that is lost, and a commit that is in doubt, are asked for again: that is safe, and what comes back is true.
        """
        request = v1.CommitTransactionRequest(
            transaction_id=self.id,
            message=message or self.message,
            metadata=metadata or {},
            tags=tags,
            strategy=strategy,
            squash=squash,
            merge=merge,
            if_epoch=if_epoch,
        )
        self.state = await self._outcome(request)
        return self.state

    async def _outcome(self, request: v1.CommitTransactionRequest) -> v1.Transaction:
        until = time.monotonic() + _PATIENCE
        while True:
            try:
                return (await self._channel.ask(lambda to: to.transactions.CommitTransaction(request, **to.once))).transaction
            except (UnavailableError, TimedOutError) as error:
                if time.monotonic() > until:
                    raise
                await asyncio.sleep(error.retry_delay or _PAUSE)

    async def validate(self) -> None:
        """Changes nothing, and raises what a commit would meet now: a `ConflictError` where both sides changed a path."""
        request = v1.CommitTransactionRequest(transaction_id=self.id, validate_only=True)
        await self._channel.ask(lambda to: to.transactions.CommitTransaction(request, **to.once), idempotent=True)

    async def rollback(self) -> v1.Transaction:
        """Ends it without a trace."""
        request = v1.RollbackTransactionRequest(transaction_id=self.id)
        self.state = (
            await self._channel.ask(lambda to: to.transactions.RollbackTransaction(request, **to.once), idempotent=True)
        ).transaction
        return self.state

    async def refresh(self) -> v1.Transaction:
        """The transaction as the server has it now."""
        request = v1.GetTransactionRequest(transaction_id=self.id)
        self.state = (
            await self._channel.ask(lambda to: to.transactions.GetTransaction(request, **to.once), idempotent=True)
        ).transaction
        return self.state

    async def keep_alive(self) -> v1.Transaction:
        """Gives it another idle timeout. Every call in it does the same."""
        request = v1.KeepAliveTransactionRequest(transaction_id=self.id)
        self.state = (
            await self._channel.ask(lambda to: to.transactions.KeepAliveTransaction(request, **to.once), idempotent=True)
        ).transaction
        return self.state

    async def changes(self, prefix: str = "") -> AsyncIterator[v1.TransactionChange]:
        """The paths that it changed, and those in conflict with the base, in the order of their bytes."""
        request = v1.ListTransactionChangesRequest(transaction_id=self.id, prefix=prefix)
        async for page in self._channel.stream(
            lambda to: to.transactions.ListTransactionChanges(request, **to.long), idempotent=True
        ):
            for change in page.changes:
                yield change

    async def watch(self) -> AsyncIterator[v1.WatchTransactionResponse]:
        """The transaction, at once and whenever it becomes another, until it has ended."""
        request = v1.WatchTransactionRequest(transaction_id=self.id)
        again = True
        while again:
            again = False
            async for seen in self._channel.stream(
                lambda to: to.transactions.WatchTransaction(request, **to.long), idempotent=True
            ):
                again = seen.reconnect
                yield seen

    async def create_commit(
        self, message: str, *, metadata: Mapping[str, str] | None = None, allow_empty: bool = False
    ) -> versions_pb2.Commit:
        """A commit within the transaction, which goes on."""
        request = versions_pb2.CreateCommitRequest(
            transaction_id=self.id, message=message, metadata=metadata or {}, allow_empty=allow_empty
        )
        return (await self._channel.ask(lambda to: to.versions.CreateCommit(request, **to.once))).commit

    async def head(self) -> versions_pb2.Commit:
        """The last commit within the transaction; before the first, the one that it began from."""
        request = versions_pb2.GetCommitRequest(transaction_id=self.id)
        return (await self._channel.ask(lambda to: to.versions.GetCommit(request, **to.once), idempotent=True)).commit

    async def revert(self, ref: str, *, parent: int = 0, message: str = "") -> versions_pb2.Commit:
        """Undoes a commit within the transaction, which goes on. Nothing may be uncommitted in it."""
        request = versions_pb2.RevertRequest(transaction_id=self.id, ref=ref, parent_number=parent, message=message)
        return (await self._channel.ask(lambda to: to.versions.Revert(request, **to.once))).commit
