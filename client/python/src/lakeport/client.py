"""A blocking client, for programs without an event loop. Its calls run on the thread of fsspec's event loop."""

from __future__ import annotations

import functools
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Concatenate, Generic, ParamSpec, TypeVar

from lakeport import _loop, aio
from lakeport.v1 import transactions_pb2

if TYPE_CHECKING:
    import datetime
    from types import TracebackType

    from typing_extensions import Self

    from lakeport.lakectl import Credentials
    from lakeport.v1 import files_pb2

A = TypeVar("A")
A_co = TypeVar("A_co", covariant=True)
P = ParamSpec("P")
R = TypeVar("R")


class _Blocking(Generic[A_co]):
    """Base of the blocking classes, which delegate to an asynchronous counterpart."""

    def __init__(self, inner: A_co) -> None:
        self._async = inner


def _waits(
    method: Callable[Concatenate[A, P], Coroutine[Any, Any, R]],
) -> Callable[Concatenate[_Blocking[A], P], R]:
    def call(self: _Blocking[A], /, *args: P.args, **kwargs: P.kwargs) -> R:
        return _loop.run(method(self._async, *args, **kwargs))

    functools.update_wrapper(call, method)
    return call


def _iterates(
    method: Callable[Concatenate[A, P], AsyncIterator[R]],
) -> Callable[Concatenate[_Blocking[A], P], Iterator[R]]:
    def call(self: _Blocking[A], /, *args: P.args, **kwargs: P.kwargs) -> Iterator[R]:
        return _loop.iterate(method(self._async, *args, **kwargs))

    functools.update_wrapper(call, method)
    return call


class Download(_Blocking[aio.Download]):
    """A streaming download: iterates over the bytes of an object, in order."""

    @property
    def info(self) -> files_pb2.FileInfo:
        """Metadata of the object, available once the first chunk has been read. Before that, access raises `RuntimeError`."""
        return self._async.info

    def __iter__(self) -> Iterator[bytes]:
        """Yields the remaining bytes in chunks."""
        return _loop.iterate(aiter(self._async))


class _Files(_Blocking[A_co]):
    """Operations on the objects of a ref or of a transaction."""

    stat = _waits(aio.Files.stat)
    exists = _waits(aio.Files.exists)
    read = _waits(aio.Files.read)
    write = _waits(aio.Files.write)
    list = _iterates(aio.Files.list)
    delete = _waits(aio.Files.delete)
    delete_many = _waits(aio.Files.delete_many)
    copy = _waits(aio.Files.copy)
    move = _waits(aio.Files.move)
    stat_many = _waits(aio.Files.stat_many)
    read_many = _waits(aio.Files.read_many)
    write_many = _waits(aio.Files.write_many)
    set_metadata = _waits(aio.Files.set_metadata)
    presign = _waits(aio.Files.presign)


class Files(_Files[aio.Files]):
    """Objects of one ref. Paths are lakeFS keys: opaque and never normalised."""

    def open_read(self, path: str, offset: int = 0, limit: int = 0, if_match: str = "") -> Download:
        """Streams the bytes of an object: see `lakeport.aio.Files.open_read`."""
        return Download(self._async.open_read(path, offset, limit, if_match))


class Transaction(_Files[aio.Transaction]):
    """Objects of a transaction. As a context manager, it commits at the end of the block, or rolls back after an exception."""

    commit = _waits(aio.Transaction.commit)
    validate = _waits(aio.Transaction.validate)
    rollback = _waits(aio.Transaction.rollback)
    refresh = _waits(aio.Transaction.refresh)
    keep_alive = _waits(aio.Transaction.keep_alive)
    changes = _iterates(aio.Transaction.changes)
    watch = _iterates(aio.Transaction.watch)
    create_commit = _waits(aio.Transaction.create_commit)

    @property
    def id(self) -> str:
        """ID of the transaction, with which any process can continue it."""
        return self._async.id

    @property
    def is_open(self) -> bool:
        """Whether the transaction was open in the last state that this object received."""
        return self._async.is_open

    @property
    def state(self) -> transactions_pb2.Transaction:
        """Last state of the transaction that this object received."""
        return self._async.state

    @property
    def message(self) -> str:
        """Commit message for the end of the block. If empty, the message names the transaction."""
        return self._async.message

    @message.setter
    def message(self, message: str) -> None:
        self._async.message = message

    def open_read(self, path: str, offset: int = 0, limit: int = 0, if_match: str = "") -> Download:
        """Streams the bytes of an object: see `lakeport.aio.Files.open_read`."""
        return Download(self._async.open_read(path, offset, limit, if_match))

    def __enter__(self) -> Self:
        _loop.run(self._async.__aenter__())
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        _loop.run(self._async.__aexit__(kind, error, trace))


class Versions(_Blocking[aio.Versions]):
    """Repositories, branches, tags and commits."""

    repositories = _iterates(aio.Versions.repositories)
    repository = _waits(aio.Versions.repository)
    create_repository = _waits(aio.Versions.create_repository)
    delete_repository = _waits(aio.Versions.delete_repository)
    branches = _iterates(aio.Versions.branches)
    branch = _waits(aio.Versions.branch)
    create_branch = _waits(aio.Versions.create_branch)
    delete_branch = _waits(aio.Versions.delete_branch)
    tags = _iterates(aio.Versions.tags)
    tag = _waits(aio.Versions.tag)
    create_tag = _waits(aio.Versions.create_tag)
    delete_tag = _waits(aio.Versions.delete_tag)
    create_commit = _waits(aio.Versions.create_commit)
    commit = _waits(aio.Versions.commit)
    log = _iterates(aio.Versions.log)
    diff = _iterates(aio.Versions.diff)
    merge = _waits(aio.Versions.merge)
    revert = _waits(aio.Versions.revert)
    cherry_pick = _waits(aio.Versions.cherry_pick)
    reset = _waits(aio.Versions.reset)


class Client(_Blocking[aio.Client]):
    """A client of one server. Threads can share it."""

    def __init__(
        self,
        endpoint: str | None = None,
        credentials: Credentials | None = None,
        *,
        timeout: float | None = 60.0,
        root_certificates: bytes | None = None,
    ) -> None:
        """Creates a client. The parameters are those of `lakeport.aio.Client`."""
        super().__init__(aio.Client(endpoint, credentials, timeout=timeout, root_certificates=root_certificates))
        self.versions = Versions(self._async.versions)
        """Repositories, branches, tags and commits."""

    close = _waits(aio.Client.close)
    transactions = _iterates(aio.Client.transactions)
    server_info = _waits(aio.Client.server_info)
    _begin = _waits(aio.Client.begin)
    _transaction = _waits(aio.Client.transaction)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def files(self, repository: str, ref: str) -> Files:
        """Returns the objects of a branch, tag, commit or ref expression. Sends no request."""
        return Files(self._async.files(repository, ref))

    def begin(
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
        begun = self._begin(
            repository,
            base_branch,
            transaction_id=transaction_id,
            idle_timeout=idle_timeout,
            lifetime=lifetime,
            read_only=read_only,
            branch=branch,
            branch_retention=branch_retention,
            labels=labels,
        )
        return Transaction(begun)

    def transaction(self, transaction_id: str) -> Transaction:
        """Returns an existing transaction, which any process may have begun."""
        return Transaction(self._transaction(transaction_id))
