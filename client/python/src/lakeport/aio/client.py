"""The client of one server, for programs with an event loop."""

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
"""Seconds before `BeginTransaction` is retried, unless the server specifies a delay."""


_DEFAULT_IDLE = 600.0
"""Idle timeout of transactions that do not specify one, in seconds."""


class Client:
    """A client of one server. Calls can run concurrently. On another event loop, the client opens a new connection."""

    def __init__(
        self,
        endpoint: str | None = None,
        credentials: Credentials | None = None,
        *,
        timeout: float | None = 60.0,
        root_certificates: bytes | None = None,
    ) -> None:
        """Creates a client of a lakeport server (`grpc://`, `grpcs://`, `unix:/`), or of a local server for a lakeFS (`http(s)://`).

        Without an endpoint, uses `LAKEPORT_ENDPOINT`, else the lakeFS of lakectl's configuration. Without credentials, uses those
        of lakectl, if any. `timeout`, in seconds, applies to calls with a single response, with all their retries. Uploads,
        downloads and listings end when the server makes no progress for this time. A commit is retried for longer while its outcome
        is unknown. `root_certificates`, in PEM format, replace gRPC's default CA certificates for `grpcs://`, and the system's for
        a lakeFS with `https://`.
        """
        server, credentials = find(endpoint, credentials)
        if isinstance(server, Local):
            server = replace(server, root_certificates=root_certificates)
        self._channel = Channel(server, credentials, timeout, root_certificates)
        # There is one local server for each set of CA certificates.
        trusted = f" {hashlib.sha256(root_certificates).hexdigest()}" if isinstance(server, Local) and root_certificates else ""
        self._identity = (f"{server!r}{trusted}", credentials.authorization if credentials else "")
        self.versions = Versions(self._channel)
        """Repositories, branches, tags and commits."""

    @property
    def identity(self) -> tuple[str, str]:
        """Identity of server and caller: clients with the same identity have the same transactions."""
        return self._identity

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.close()

    async def close(self) -> None:
        """Closes the connection."""
        await self._channel.close()

    def files(self, repository: str, ref: str) -> Files:
        """Returns the objects of a branch, tag, commit or ref expression. Sends no request."""
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
        """Begins a transaction. If one with the same ID and the same parameters exists, returns that one."""
        request = transactions_pb2.BeginTransactionRequest(
            repository=repository,
            base_branch=base_branch,
            # An ID that the client generates makes the request idempotent: it can be retried after a lost response.
            transaction_id=transaction_id or new_id(),
            idle_timeout=_duration(idle_timeout),
            lifetime=_duration(lifetime),
            read_only=read_only,
            branch=branch,
            branch_retention=branch_retention,
            labels=labels or {},
        )
        for can_retry in (True, True, False):
            try:
                begun = await self._channel.ask(lambda to: to.transactions.BeginTransaction(request, **to.once))
                # An existing transaction with this ID was begun with the same parameters.
                idle = _DEFAULT_IDLE if idle_timeout is None else idle_timeout.total_seconds()
                return Transaction(self._channel, begun.transaction, idle=min(idle, _first_idle(begun.transaction)))
            except UnavailableError as error:
                if not can_retry:
                    raise
                await asyncio.sleep(error.retry_delay or _PAUSE)
        raise AssertionError

    async def transaction(self, transaction_id: str) -> Transaction:
        """Returns an existing transaction, which any process may have begun."""
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
        """Yields the caller's own transactions, newest first."""
        request = transactions_pb2.ListTransactionsRequest(repository=repository, states=states, labels=labels or {})
        while True:
            page = await self._channel.ask(lambda to: to.transactions.ListTransactions(request, **to.once), idempotent=True)
            for found in page.transactions:
                yield found
            request.page_token = page.next_page_token
            if not request.page_token:
                return

    def files_of(self, transaction_id: str) -> Files:
        """Returns the objects of a transaction by its ID, without a `Transaction` object. Sends no request."""
        return Files(self._channel, Place(transaction_id=transaction_id))

    async def server_info(self) -> files_pb2.GetServerInfoResponse:
        """Returns versions, limits and capabilities of the server and of its lakeFS."""
        request = files_pb2.GetServerInfoRequest()
        return await self._channel.ask(lambda to: to.files.GetServerInfo(request, **to.once), idempotent=True)


def new_id() -> str:
    """Returns a unique transaction ID."""
    return f"transaction-{uuid.uuid4().hex}"


def _first_idle(state: transactions_pb2.Transaction) -> float:
    """Returns the seconds from creation to expiry. Right after the creation, this is the idle timeout; later it is longer."""
    return float(state.idle_expire_time.seconds - state.create_time.seconds)


def _duration(span: datetime.timedelta | None) -> duration_pb2.Duration | None:
    if span is None:
        return None
    message = duration_pb2.Duration()
    message.FromTimedelta(span)
    return message
