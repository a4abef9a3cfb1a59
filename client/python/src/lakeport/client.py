"""The same client for programs without an event loop: each call waits, on a thread of its own."""

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
    """Something whose asynchronous twin does the work."""

    def __init__(self, twin: A_co) -> None:
        self._twin = twin


def _waits(
    method: Callable[Concatenate[A, P], Coroutine[Any, Any, R]],
) -> Callable[Concatenate[_Blocking[A], P], R]:
    def call(self: _Blocking[A], /, *args: P.args, **kwargs: P.kwargs) -> R:
        return _loop.run(method(self._twin, *args, **kwargs))

    functools.update_wrapper(call, method)
    return call


def _iterates(
    method: Callable[Concatenate[A, P], AsyncIterator[R]],
) -> Callable[Concatenate[_Blocking[A], P], Iterator[R]]:
    def call(self: _Blocking[A], /, *args: P.args, **kwargs: P.kwargs) -> Iterator[R]:
        return _loop.iterate(method(self._twin, *args, **kwargs))

    functools.update_wrapper(call, method)
    return call


class Download(_Blocking[aio.Download]):
    """The bytes of an object, in order."""

    @property
    def info(self) -> files_pb2.FileInfo:
        """The object. Known from the first piece on."""
        return self._twin.info

    def __iter__(self) -> Iterator[bytes]:
        """Reads on until all is there."""
        return _loop.iterate(aiter(self._twin))


class _Files(_Blocking[A_co]):
    """What files of any place can do."""

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
    """Objects of one place. Paths are lakeFS's keys: opaque, never normalised."""

    def open_read(self, path: str, offset: int = 0, limit: int = 0, if_match: str = "") -> Download:
        """The bytes of an object as they come: see `lakeport.aio.Files.open_read`."""
        return Download(self._twin.open_read(path, offset, limit, if_match))


class Transaction(_Files[aio.Transaction]):
    """Files of a transaction. As a context manager it is committed at the end of the block, or rolled back by an exception."""

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
        """What the transaction goes on by, anywhere."""
        return self._twin.id

    @property
    def is_open(self) -> bool:
        """Whether it was neither committed nor ended, as far as this object was told."""
        return self._twin.is_open

    @property
    def state(self) -> transactions_pb2.Transaction:
        """The transaction, as this object was told last."""
        return self._twin.state

    @property
    def message(self) -> str:
        """Of the commit at the end of the block; empty: one that names the transaction."""
        return self._twin.message

    @message.setter
    def message(self, message: str) -> None:
        self._twin.message = message

    def open_read(self, path: str, offset: int = 0, limit: int = 0, if_match: str = "") -> Download:
        """The bytes of an object as they come: see `lakeport.aio.Files.open_read`."""
        return Download(self._twin.open_read(path, offset, limit, if_match))

    def __enter__(self) -> Self:
        _loop.run(self._twin.__aenter__())
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        _loop.run(self._twin.__aexit__(kind, error, trace))


class Versions(_Blocking[aio.Versions]):
    """The versions of a lake."""

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
    """A client of one server. Threads may share it."""

    def __init__(
        self,
        endpoint: str | None = None,
        credentials: Credentials | None = None,
        *,
        timeout: float | None = 60.0,
        root_certificates: bytes | None = None,
    ) -> None:
        """As `lakeport.aio.Client`."""
        super().__init__(aio.Client(endpoint, credentials, timeout=timeout, root_certificates=root_certificates))
        self.versions = Versions(self._twin.versions)
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
        """The objects of a branch, tag, commit or ref expression. Nothing is asked yet."""
        return Files(self._twin.files(repository, ref))

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
        """Begins a transaction. One that was begun with the same ID and in the same words is found again."""
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
        """A transaction that was begun, by whatever process."""
        return Transaction(self._transaction(transaction_id))
