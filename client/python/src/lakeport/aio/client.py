"""A client of one server, for programs with an event loop."""

from __future__ import annotations

import asyncio
import datetime
import hashlib
import uuid
from dataclasses import replace
from typing import TYPE_CHECKING

from google.protobuf import duration_pb2

from lakeport.aio.channel import Channel
from lakeport.aio.files import Files
from lakeport.aio.place import Place
from lakeport.aio.transaction import Transaction
from lakeport.aio.versions import Versions
from lakeport.endpoint import Local, find
from lakeport.errors import UnavailableError
from lakeport.v1 import files_pb2, transactions_pb2

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Mapping
    from types import TracebackType

    from typing_extensions import Self

    from lakeport.lakectl import Credentials


_PAUSE = 0.2
"""Seconds before a transaction is begun once more, where the server asks for none."""


_DEFAULT_IDLE = 600.0
"""Seconds of the idle timeout of who asks for none."""


class Client:
    """A client of one server. Its calls may run at the same time; it belongs to the event loop on which it is made."""

    def __init__(
        self,
        endpoint: str | None = None,
        credentials: Credentials | None = None,
        *,
        timeout: float | None = 60.0,
        root_certificates: bytes | None = None,
    ) -> None:
        """A client of a lakeport (`grpc://`, `grpcs://`, `unix:/`), or of a lakeFS, for which a lakeport is started here.

        Without an endpoint that of `LAKEPORT_ENDPOINT`, else lakectl's lakeFS; without credentials those of lakectl, if any.
        `timeout` is for calls that answer once, in seconds; uploads, downloads and lists may last as long as they move.
        `root_certificates`, in PEM, are trusted with `grpcs://` instead of those of gRPC, and at a lakeFS with `https://` instead
        of those of the system.
        """
        server, credentials = find(endpoint, credentials)
        if isinstance(server, Local):
            server = replace(server, root_certificates=root_certificates)
        self._channel = Channel(server, credentials, timeout, root_certificates)
        # A local server is one of these authorities, too.
        trusted = f" {hashlib.sha256(root_certificates).hexdigest()}" if isinstance(server, Local) and root_certificates else ""
        self._identity = (f"{server!r}{trusted}", credentials.authorization if credentials else "")
        self.versions = Versions(self._channel)
        """Repositories, branches, tags and commits."""

    @property
    def identity(self) -> tuple[str, str]:
        """Which server it goes to, and as whom: what has the same means the same transactions."""
        return self._identity

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.close()

    async def close(self) -> None:
        """Closes the connection."""
        await self._channel.close()

    def files(self, repository: str, ref: str) -> Files:
        """The objects of a branch, tag, commit or ref expression. Nothing is asked yet."""
        return Files(self._channel, Place(repository, ref))

    async def begin(
        self,
        repository: str,
        base_branch: str,
        *,
        transaction_id: str = "",
        idle_timeout: datetime.timedelta | None = None,
        lifetime: datetime.timedelta | None = None,
        read_only: bool = False,
        branch: str = "",
        branch_retention: transactions_pb2.BranchRetention = transactions_pb2.BRANCH_RETENTION_UNSPECIFIED,
        labels: Mapping[str, str] | None = None,
    ) -> Transaction:
        """Begins a transaction. One that was begun with the same ID and in the same words is found again."""
        request = transactions_pb2.BeginTransactionRequest(
            repository=repository,
            base_branch=base_branch,
            # With an ID of our own, an answer that is lost can be asked for again.
            transaction_id=transaction_id or new_id(),
            idle_timeout=_span(idle_timeout),
            lifetime=_span(lifetime),
            read_only=read_only,
            branch=branch,
            branch_retention=branch_retention,
            labels=labels or {},
        )
        for patience in (True, True, False):
            try:
                begun = await self._channel.ask(lambda to: to.transactions.BeginTransaction(request, **to.once))
                # An older one that is found again was begun in the same words.
                idle = _DEFAULT_IDLE if idle_timeout is None else idle_timeout.total_seconds()
                return Transaction(self._channel, begun.transaction, idle=min(idle, _first_idle(begun.transaction)))
            except UnavailableError as error:
                if not patience:
                    raise
                await asyncio.sleep(error.retry_delay or _PAUSE)
        raise AssertionError

    async def transaction(self, transaction_id: str) -> Transaction:
        """A transaction that was begun, by whatever process."""
        request = transactions_pb2.GetTransactionRequest(transaction_id=transaction_id)
        found = await self._channel.ask(lambda to: to.transactions.GetTransaction(request, **to.once), idempotent=True)
        return Transaction(self._channel, found.transaction)

    async def transactions(
        self,
        repository: str = "",
        *,
        states: Iterable[transactions_pb2.TransactionState] = (),
        labels: Mapping[str, str] | None = None,
    ) -> AsyncIterator[transactions_pb2.Transaction]:
        """The caller's own transactions, newest first."""
        request = transactions_pb2.ListTransactionsRequest(repository=repository, states=states, labels=labels or {})
        while True:
            page = await self._channel.ask(lambda to: to.transactions.ListTransactions(request, **to.once), idempotent=True)
            for found in page.transactions:
                yield found
            request.page_token = page.next_page_token
            if not request.page_token:
                return

    def files_of(self, transaction_id: str) -> Files:
        """The objects of a transaction, without being its owner's object. Nothing is asked yet."""
        return Files(self._channel, Place(transaction_id=transaction_id))

    async def server_info(self) -> files_pb2.GetServerInfoResponse:
        """Versions, limits and abilities of the server and of the lakeFS behind it."""
        request = files_pb2.GetServerInfoRequest()
        return await self._channel.ask(lambda to: to.files.GetServerInfo(request, **to.once), idempotent=True)


def new_id() -> str:
    """A name for a transaction that no other has."""
    return f"transaction-{uuid.uuid4().hex}"


def _first_idle(state: transactions_pb2.Transaction) -> float:
    """Seconds from its beginning to its end: no less than its idle timeout, and that right after it began."""
    return float(state.idle_expire_time.seconds - state.create_time.seconds)


def _span(span: datetime.timedelta | None) -> duration_pb2.Duration | None:
    if span is None:
        return None
    message = duration_pb2.Duration()
    message.FromTimedelta(span)
    return message
