"""Transactions of the file system. Paths with the name of a transaction's branch act in the transaction."""

from __future__ import annotations

import collections
import contextlib
import contextvars
import datetime
import sys
import warnings
import weakref
from typing import TYPE_CHECKING, Any, Literal, Protocol

from fsspec.transaction import Transaction

from lakeport import _loop, aio
from lakeport.aio.client import new_id
from lakeport.choice import scheme
from lakeport.errors import (
    BusyError,
    ConflictError,
    ExistsError,
    InvalidError,
    LakeportError,
    NotFoundError,
    TimedOutError,
    UnavailableError,
    UnsupportedError,
)
from lakeport.refs import Branch, Commit, Ref, Tag, name_of
from lakeport.registry import BRANCH_LABEL, Name, registry, split_expression
from lakeport.v1 import transactions_pb2 as v1

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from types import TracebackType

    from typing_extensions import Self

    from lakeport.spec import LakeFSFileSystem
    from lakeport.types import MergeKwargs
    from lakeport.v1 import versions_pb2

Delete = Literal["onsuccess", "always", "never"]

_MAX_FILES = 10_000
"""Maximum number of paths in `LakeFSTransaction.files`."""

_STRATEGIES = {
    None: v1.MERGE_STRATEGY_FAIL,
    "source-wins": v1.MERGE_STRATEGY_SOURCE_WINS,
    "dest-wins": v1.MERGE_STRATEGY_DESTINATION_WINS,
}

_within: contextvars.ContextVar[tuple[weakref.ref[LakeFSTransaction], ...]] = contextvars.ContextVar("lakeport_within", default=())
"""Transactions whose `with` blocks surround the running code. Calls on the event loop inherit them from the calling thread."""


class Handle(Protocol):
    """A file that is open for writing."""

    path: Any

    def finish(self) -> bool:
        """Writes and closes the file, unless an unknown wrapper may hold back data. Returns whether the file is closed."""
        ...

    def discard(self) -> None:
        """Discards the file."""


class MissingRepositoryError(NotFoundError, ValueError):
    """The repository of a transaction does not exist."""


def warn_of_base(repository: str, ref: str) -> None:
    """Warns about a write to the base branch in a transaction's block, which is rarely intended. Warns once per transaction."""
    for transaction in filter(None, (each() for each in _within.get())):
        if (transaction.repository, transaction.base_branch.id) == (repository, ref) and not transaction.has_warned:
            transaction.has_warned = True
            warnings.warn(
                f"a write to {repository}/{ref} in the block of a transaction on this branch changes {ref} itself, immediately, "
                f"and the commit of the transaction will fail because {ref} is dirty: write to tx.path(...), or below "
                f"{repository}/{transaction.branch.id}/",
                stacklevel=2,
            )


class LakeFSTransaction(Transaction):  # type: ignore[misc]
    """A transaction. Each call of `fs.transaction("repo", "main")` creates one.

    As a context manager, the transaction commits at the end of the block and merges everything that was written in it; an exception
    rolls it back. Without a call, `with fs.transaction:` is fsspec's own transaction, which uploads files at the end of the block.
    """

    fs: LakeFSFileSystem
    repository: str
    base_branch: Branch
    files: collections.deque[Any]
    """Paths of the objects that this file system wrote in the transaction: the last 10,000."""
    branch: Branch
    """Branch of the transaction. Its name refers to the transaction in paths: `f"repo/{tx.branch.id}/data.csv"`."""

    def __init__(self, fs: LakeFSFileSystem) -> None:
        super().__init__(fs=fs)
        self.automerge = True
        self.delete: Delete = "onsuccess"
        self.merge_kwargs: MergeKwargs = {}
        self.has_warned = False
        self.handles: weakref.WeakSet[Handle] = weakref.WeakSet()
        """Files that are open for writing in the transaction."""
        self.lost: list[str] = []
        """Paths of files that were garbage-collected and could not be written."""
        self._names: list[Name] = []
        self._idle_timeout: float | None = None
        self._name: str | None = None
        self._transaction: aio.Transaction | None = None
        self._tags: list[str] = []
        self._later: list[Tag] = []
        self._made: set[str] = set()
        self._token: contextvars.Token[tuple[weakref.ref[LakeFSTransaction], ...]] | None = None

    def __call__(
        self,
        repository: Ref,
        base_branch: Ref = "main",
        branch_name: str | None = None,
        automerge: bool = True,
        delete: Delete = "onsuccess",
        merge_kwargs: MergeKwargs | None = None,
        *,
        idle_timeout: float | None = None,
    ) -> LakeFSTransaction:
        """Creates a transaction on a branch of a repository. It begins with the `with` block.

        `branch_name` is the name of its branch in paths, and of the branch that remains, if one remains. If `automerge` is false,
        the transaction is committed to its branch, which remains, and nothing is merged. `delete="never"` always keeps the branch.
        `"onsuccess"` keeps it only if `automerge` is false. `"always"` rolls the transaction back if `automerge` is false.
        `idle_timeout`, in seconds, is how long the transaction outlives a process that died in it; the default is 10 minutes.
        """
        if delete not in {"onsuccess", "always", "never"}:
            message = f'delete={delete!r} must be "onsuccess", "always" or "never"'
            raise InvalidError(message)
        made = type(self)(self.fs)
        made.repository = name_of(repository)
        made.base_branch = made._branch(name_of(base_branch))
        made._name = branch_name
        made.automerge, made.delete = automerge, delete
        made.files = collections.deque(maxlen=_MAX_FILES)
        made.merge_kwargs = _checked(merge_kwargs)
        made._idle_timeout = idle_timeout
        return made

    def _branch(self, name: str) -> Branch:
        return Branch(self.repository, name, self.fs, lambda: self._rev_parse(name))

    @property
    def _is_kept(self) -> bool:
        """Whether the server keeps the branch, however the transaction ends."""
        return self.delete == "never" or (not self.automerge and self.delete != "always")

    @property
    def id(self) -> str:
        """ID of the transaction, with which processes in any language can continue it."""
        return self._begun().id

    def path(self, key: str) -> str:
        """Returns the URL of an object in the transaction, for file systems and libraries in this process and in others."""
        return f"{scheme()}://{self.repository}/{self.id}/{key}"

    def _begun(self) -> aio.Transaction:
        if self._transaction is None:
            message = "the transaction has not begun: use it as a context manager"
            raise InvalidError(message)
        return self._transaction

    def __del__(self) -> None:
        if self._names and not sys.is_finalizing():
            warnings.warn(
                f"transaction {self.id} was neither committed nor rolled back: it expires after its idle timeout",
                RuntimeWarning,
                stacklevel=2,
            )

    # ---- the block

    def __enter__(self) -> Self:
        if not hasattr(self, "repository"):
            super().__enter__()
            return self
        self._wait(self._enter())
        self._token = _within.set((*_within.get(), weakref.ref(self)))
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if not hasattr(self, "repository"):
            super().__exit__(kind, error, trace)
            return
        try:
            if kind is None:
                self._finish_files()
        except BaseException:
            self._wait(self._exit(is_good=False))
            raise
        else:
            self._wait(self._exit(is_good=kind is None))
        finally:
            self._unregister()

    async def __aenter__(self) -> Self:
        await self._enter()
        self._token = _within.set((*_within.get(), weakref.ref(self)))
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        try:
            if kind is None:
                self._check_open_files()
        except BaseException:
            await self._exit(is_good=False)
            raise
        else:
            await self._exit(is_good=kind is None)
        finally:
            self._unregister()

    def _wait(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        return _loop.run(coroutine, self.fs.loop)

    async def _enter(self) -> None:
        transaction_id = new_id()
        branch = self._name or transaction_id
        identity = self.fs.lakeport.identity
        self._tags, self._later, self._made, self.has_warned = [], [], set(), False
        names: list[Name] = [(identity, self.repository, name) for name in dict.fromkeys((branch, transaction_id))]
        registry.add(names, self)
        try:
            await self._begin(transaction_id, branch)
        except BaseException:
            registry.remove(names, is_branch=True)
            raise
        self._names = names

    async def _begin(self, transaction_id: str, branch: str) -> None:
        if self._name is not None:
            await self._check_branch_name(self._name)
        try:
            begun = await self.fs.lakeport.begin(
                self.repository,
                self.base_branch.id,
                transaction_id=transaction_id,
                idle_timeout=None if self._idle_timeout is None else datetime.timedelta(seconds=self._idle_timeout),
                branch=branch if self._is_kept else "",
                branch_retention=v1.BRANCH_RETENTION_KEEP if self._is_kept else v1.BRANCH_RETENTION_DELETE,
                labels={BRANCH_LABEL: branch},
            )
        except NotFoundError as error:
            if error.reason == "REPOSITORY_NOT_FOUND":
                message = f"repository {self.repository!r} does not exist"
                raise MissingRepositoryError(message, error.code, error.reason) from None
            if await self.fs.is_transaction(self.repository, self.base_branch.id):
                message = f"transaction {self.base_branch.id} cannot be the base of another one: use one transaction for both"
                raise UnsupportedError(message) from None
            raise
        except InvalidError as error:
            invalid = [found.description for found in error.field_violations if found.field == "repository"]
            if not invalid:
                raise
            message = f"repository {self.repository!r} does not exist: its name {invalid[0]}"
            raise MissingRepositoryError(message, error.code, error.reason) from None
        self._transaction = begun
        self.branch = self._branch(branch)
        self.fs.forget_ref(self.repository, branch)
        await begun.__aenter__()

    async def _check_branch_name(self, name: str) -> None:
        """Raises `ExistsError` if a branch has the name, which would be ambiguous in paths."""
        with contextlib.suppress(NotFoundError):
            await self.fs.lakeport.versions.branch(self.repository, name)
            message = f"branch {name!r} already exists: choose another branch_name"
            raise ExistsError(message)

    def _finish_files(self) -> None:
        """Closes files that are still open, so that their data becomes part of the transaction."""
        for handle in list(self.handles):
            handle.finish()
        self._check_open_files()

    def _check_open_files(self) -> None:
        """Raises `InvalidError` if a file is still open or was lost: the transaction must contain all of its files."""
        left = sorted({handle.path for handle in self.handles} | set(self.lost))
        if left:
            message = f"files are still open at the end of the transaction, which is rolled back: close {', '.join(left)}"
            raise InvalidError(message)

    async def _exit(self, *, is_good: bool) -> None:
        begun = self._begun()
        try:
            if not is_good:
                await self._roll_back(begun)
            elif self.automerge or self.delete != "always":
                await self._publish(begun)
            else:
                await self._roll_back(begun)
        finally:
            await begun.stop_keeping()

    async def _publish(self, begun: aio.Transaction) -> None:
        options = self.merge_kwargs
        default = f"Merge {self.branch.id!r} into {self.base_branch.id!r}"
        try:
            await begun.commit(
                options.get("message") or (default if self.automerge else f"Finish {self.branch.id!r}"),
                metadata=options.get("metadata"),
                tags=self._tags,
                strategy=_STRATEGIES[options.get("strategy")] if self.automerge else v1.MERGE_STRATEGY_UNSPECIFIED,
                squash=self.automerge and bool(options.get("squash_merge")),
                merge=self.automerge,
            )
        except LakeportError as error:
            # Roll back after a definite failure. If the outcome is unknown, leave the transaction to the server.
            if not isinstance(error, UnavailableError | TimedOutError | BusyError):
                await self._roll_back(begun)
            raise
        self.fs.forget_ref(self.repository, self.base_branch.id)
        self.fs.forget_ref(self.repository, self.branch.id)
        failed = list(begun.state.failed_tags)
        for tag in self._later:
            try:
                await self.fs.lakeport.versions.create_tag(self.repository, tag.id, tag.ref)
            except LakeportError:
                failed.append(tag.id)
        self._check_outcome(begun.state, failed)

    def _check_outcome(self, state: v1.Transaction, failed_tags: list[str]) -> None:
        """Raises `ConflictError` if a tag or the branch of the published transaction differs from the request."""
        wrong = [f"tag {tag!r} could not be created" for tag in failed_tags]
        if state.HasField("failure"):
            wrong.append(state.failure.message)
        if self._is_kept and state.branch != self.branch.id:
            wrong.append(f"the branch was kept as {state.branch!r}, because {self.branch.id!r} exists")
            self.branch = self._branch(state.branch)
        if wrong:
            message = f"transaction {self.id} is committed, but {'; '.join(wrong)}"
            raise ConflictError(message)

    async def _roll_back(self, begun: aio.Transaction) -> None:
        for handle in list(self.handles):
            handle.discard()
        with contextlib.suppress(LakeportError):
            # Keep the original exception. If the rollback fails, the transaction expires.
            await begun.rollback()
            if self._is_kept and self.delete != "never" and self._name is None:
                # The name is a generated ID, so the branch cannot be another user's.
                await self.fs.lakeport.versions.delete_branch(self.repository, self.id)

    def _unregister(self) -> None:
        registry.remove(self._names, is_branch=self._is_kept)
        self._names = []
        if self._token is not None:
            with contextlib.suppress(ValueError):
                # The block was left in another context than it was entered in, as happens in generators.
                _within.reset(self._token)

    # ---- operations in the transaction

    async def head(self) -> versions_pb2.Commit:
        """Returns the last commit in the transaction, for expressions over its branch."""
        return await self._begun().head()

    def commit(self, message: str, metadata: dict[str, str] | None = None) -> Commit:
        """Commits the data written so far, in the transaction. Without changes, returns the last commit."""
        found: Commit = self._wait(self._commit(message, metadata))
        return found

    async def _commit(self, message: str, metadata: dict[str, str] | None = None) -> Commit:
        try:
            made = Commit.of(await self._begun().create_commit(message, metadata=metadata))
        except ConflictError as error:
            if error.reason != "NO_CHANGES":
                raise
            return await self._rev_parse(self.branch)
        self._made.add(made.id)
        return made

    def merge(self, source_ref: Ref, into: Ref, **kwargs: Any) -> Commit:
        """Merges a ref into another branch, immediately. Of the transaction's branch, merges what is committed.

        Without changes, returns the head of the target branch.
        """
        found: Commit = self._wait(self._merge(source_ref, into, **kwargs))
        return found

    async def _merge(self, source_ref: Ref, into: Ref, **kwargs: Any) -> Commit:
        source, destination, options = name_of(source_ref), name_of(into), _checked(kwargs)  # type: ignore[arg-type]
        versions = self.fs.lakeport.versions
        if destination in {self.branch.id, self.id}:
            message = "merging into a transaction is not supported: copy the objects, or merge before the transaction begins"
            raise UnsupportedError(message)
        ref = (await self._rev_parse(source)).id if source == self.branch.id else source
        with _ignore_no_changes():
            await versions.merge(
                self.repository,
                ref,
                destination,
                options.get("message") or f"Merge {source!r} into {destination!r}",
                metadata=options.get("metadata"),
                strategy=_STRATEGIES[options.get("strategy")],
                squash=bool(options.get("squash_merge")),
            )
            self.fs.forget_ref(self.repository, destination)
        return Commit.of(await versions.commit(self.repository, destination))

    def revert(self, branch: Ref, ref: Ref, parent_number: int = 1) -> Commit:
        """Reverts a commit on a branch, or on the transaction's branch, with a new commit."""
        found: Commit = self._wait(self._revert(branch, ref, parent_number))
        return found

    async def _revert(self, branch: Ref, ref: Ref, parent_number: int = 1) -> Commit:
        versions, on = self.fs.lakeport.versions, name_of(branch)
        commit = await self._rev_parse(ref)
        parent = parent_number if len(commit.parents) > 1 else 0
        if on == self.branch.id:
            made = Commit.of(await self._begun().revert(commit.id, parent=parent))
            self._made.add(made.id)
            return made
        made = Commit.of(await versions.revert(self.repository, on, commit.id, parent=parent))
        self.fs.forget_ref(self.repository, on)
        return made

    def rev_parse(self, ref: Ref) -> Commit:
        """Returns the commit that a ref names: a branch, a tag, a commit, an expression, or the transaction's branch."""
        found: Commit = self._wait(self._rev_parse(ref))
        return found

    async def _rev_parse(self, ref: Ref) -> Commit:
        name, suffix = split_expression(name_of(ref))
        if name in {self.branch.id, self.id} and not suffix:
            return Commit.of(await self._begun().head())
        if name in {self.branch.id, self.id}:
            name = (await self._begun().head()).commit_id
        name += suffix
        return Commit.of(await self.fs.lakeport.versions.commit(self.repository, name))

    def tag(self, ref: Ref, name: str | None = None) -> Tag:
        """`tag("v1")` tags the commit of the transaction; `tag(ref, "v1")` tags a ref.

        Tags of the transaction's own commits are created when it commits, or not at all. Other refs are tagged immediately.
        """
        found: Tag = self._wait(self._tag(ref, name))
        return found

    async def _tag(self, ref: Ref, name: str | None = None) -> Tag:
        if name is None:
            name = name_of(ref)
            await self._check_tag_name(name)
            self._tags.append(name)
            return self._tag_named(name, self.base_branch.id)
        commit = await self._rev_parse(ref)
        tag = self._tag_named(name, commit.id)
        if commit.id in self._made:
            await self._check_tag_name(name)
            self._later.append(tag)
        else:
            await self.fs.lakeport.versions.create_tag(self.repository, name, commit.id)
        return tag

    def _tag_named(self, name: str, ref: str) -> Tag:
        return Tag(name, ref, self.repository, self.fs)

    async def _check_tag_name(self, name: str) -> None:
        """Raises `ExistsError` immediately, instead of at the end of the block."""
        with contextlib.suppress(NotFoundError):
            await self.fs.lakeport.versions.tag(self.repository, name)
            message = f"tag {name!r} already exists"
            raise ExistsError(message, reason="TAG_EXISTS")


@contextlib.contextmanager
def _ignore_no_changes() -> Any:
    try:
        yield
    except ConflictError as error:
        if error.reason != "NO_CHANGES":
            raise


def _checked(options: MergeKwargs | None) -> MergeKwargs:
    """Returns the merge options. Raises `InvalidError` if one is unknown, invalid or not supported."""
    options = options or {}
    if unknown := set(options) - {"message", "metadata", "strategy", "force", "allow_empty", "squash_merge"}:
        message = f"unknown merge option: {', '.join(sorted(unknown))}"
        raise InvalidError(message)
    if options.get("strategy") not in _STRATEGIES:
        message = f'strategy={options.get("strategy")!r} must be "source-wins" or "dest-wins"'
        raise InvalidError(message)
    if options.get("force") or options.get("allow_empty"):
        message = (
            "force and allow_empty are not supported: a rejected merge cannot be forced, and without changes there is no merge"
        )
        raise InvalidError(message)
    return options
