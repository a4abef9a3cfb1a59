"""What all parts of the file system need: the connection, where a path goes, what is known of it."""

from __future__ import annotations

import contextlib
import difflib
import functools
import inspect
import time
import uuid
import warnings
from pathlib import Path as LocalPath
from typing import TYPE_CHECKING, Any, TypeVar

from fsspec.asyn import AsyncFileSystem, mirror_sync_methods
from fsspec.utils import stringify_path

from lakeport import _loop, aio
from lakeport.batching import Stats
from lakeport.caching import Cache
from lakeport.errors import ExistsError, InvalidError, LakeportError, NotFoundError
from lakeport.lakectl import Credentials
from lakeport.neighbours import Neighbours
from lakeport.paths import Path
from lakeport.registry import BRANCH_LABEL, Name, may_be_transaction, registry, split_expression
from lakeport.transaction import LakeFSTransaction, warn_of_base
from lakeport.v1 import transactions_pb2

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Iterator

    from lakeport.aio import Files
    from lakeport.types import RequestConfig

T = TypeVar("T")

_FOREIGN = 5.0
"""Seconds for which it is known that a ref is a transaction of another process, or none."""
_MOST = 1000
"""Of these that are remembered."""
_OPEN = {transactions_pb2.TRANSACTION_STATE_OPEN, transactions_pb2.TRANSACTION_STATE_COMMITTING}


class Base(AsyncFileSystem):  # type: ignore[misc]
    """The constructor, and what the other parts build on."""

    protocol = "lakefs"
    transaction_type = LakeFSTransaction
    mirror_sync_methods = False

    def __init__(
        self,
        host: str | None = None,
        username: str | None = None,
        password: str | None = None,
        api_key: str | None = None,
        api_key_prefix: str | None = None,
        access_token: str | None = None,
        verify_ssl: bool = True,
        ssl_ca_cert: str | None = None,
        proxy: str | None = None,
        create_branch_ok: bool = True,
        source_branch: str = "main",
        pre_sign: bool | None = None,
        request_config: RequestConfig | None = None,
        *,
        timeout: float | None = 60.0,
        listings_expiry_time: float | None = 1.0,
        use_listings_cache: bool = True,
        **storage_options: Any,
    ) -> None:
        """A file system on a lakeport, or on a lakeFS, for which a lakeport is started on this machine.

        Parameters
        ----------
        host
            `grpc://HOST:PORT` (`grpcs://` with TLS): a lakeport that runs. `http(s)://HOST`: a lakeFS. Without it:
            `LAKEPORT_ENDPOINT`, else the lakeFS of `LAKECTL_SERVER_ENDPOINT_URL` or `~/.lakectl.yaml`.
        username, password
            A key pair of lakeFS. Without any credentials: those of `LAKECTL_CREDENTIALS_*` or `~/.lakectl.yaml`.
        access_token, api_key, api_key_prefix
            A token of lakeFS's instead; `api_key_prefix` is the scheme that stands before it, `Bearer` if it is not given.
        ssl_ca_cert
            A PEM file with the authorities that are trusted, and no others, with `grpcs://`, and with `https://` at that lakeFS.
        verify_ssl, proxy
            Not to be had: gRPC always verifies, and takes its proxy from `grpc_proxy`. Other than the defaults are refused.
        create_branch_ok, source_branch
            Whether a write to a branch that is not there makes it, and from which one.
        pre_sign
            Without a meaning here: bytes go through lakeport, which checks them.
        request_config
            Of this, `request_timeout` is used, as `timeout`.
        timeout
            Seconds within which a call that answers once has to. Uploads, downloads and lists may last as long as they move.
        listings_expiry_time
            Seconds for which what was told of a branch is believed. A commit never changes.
        use_listings_cache
            Whether anything is.
        storage_options
            Of fsspec: `asynchronous`, `loop`, `batch_size`, `skip_instance_cache`.

        """
        super().__init__(**storage_options)
        self._mirror()
        _warn_of_slips(storage_options)
        if not verify_ssl or proxy is not None:
            message = (
                "verify_ssl=False and proxy are not to be had with gRPC: trust a certificate by ssl_ca_cert, "
                "and name a proxy by the environment variable grpc_proxy"
            )
            raise InvalidError(message)
        self.create_branch_ok = create_branch_ok
        self.source_branch = source_branch
        self.pre_sign = pre_sign
        self.host = host
        self.lakeport = aio.Client(
            host,
            _credentials(username, password, access_token or api_key, api_key_prefix),
            timeout=_timeout(request_config, timeout),
            root_certificates=LocalPath(ssl_ca_cert).read_bytes() if ssl_ca_cert else None,
        )
        """The client that everything goes through."""
        self._known = Cache((listings_expiry_time or 0.0) if use_listings_cache else 0.0)
        self._stats = Stats()
        self._neighbours = Neighbours(self._known.seconds)
        self._foreign: dict[str, tuple[float, bool]] = {}
        self._named: dict[tuple[str, str], str] = {}

    def _mirror(self) -> None:
        """Makes the methods that wait, as fsspec does, but has them wait by our own means.

        Where a call takes too long, fsspec's would tell of a timeout of theirs, without errno, reason and words.
        """
        mirror_sync_methods(self)
        for name, method in list(vars(self).items()):
            twin = getattr(method, "__wrapped__", None)
            if inspect.iscoroutinefunction(twin):
                setattr(self, name, waiting(twin))
            elif inspect.isasyncgenfunction(twin):
                setattr(self, name, iterating(twin))

    @classmethod
    def _strip_protocol(cls, path: Any) -> Any:
        if isinstance(path, list):
            return [cls._strip_protocol(item) for item in path]
        text = stringify_path(path)
        text = text.removeprefix("lakefs://").removeprefix("lakefs::")
        return text.strip("/") if text.startswith("/") else text.rstrip("/")

    @classmethod
    def _parent(cls, path: str) -> str:
        return str(cls._strip_protocol(path)).rpartition("/")[0]

    # ---- where a path goes

    def _parse(self, path: Any) -> Path:
        return Path.parse(self._strip_protocol(path))

    async def _files(self, path: Path) -> Files:
        """The objects of the ref of a path: those of a transaction, where it is the name of one."""
        own = registry.find(self._name(path.repository, path.ref))
        if own is not None:
            return self.lakeport.files_of(own.id)
        if may_be_transaction(path.ref) and await self._is_foreign(path.ref):
            return self.lakeport.files_of(path.ref)
        named = self._named.get((path.repository, path.ref))
        if named is not None and await self._is_foreign(named):
            return self.lakeport.files_of(named)
        name, behind = split_expression(path.ref)
        own = registry.find(self._name(path.repository, name)) if name != path.ref else None
        if own is not None:
            return self.lakeport.files(path.repository, (await own.head()).commit_id + behind)
        return self.lakeport.files(path.repository, path.ref)

    def _name(self, repository: str, ref: str) -> Name:
        return (self.lakeport.identity, repository, ref)

    async def _named_by_another(self, path: Path) -> bool:
        """Whether an open transaction of another process has given a ref its name. It is known from then on."""
        states, labels = [transactions_pb2.TRANSACTION_STATE_OPEN], {BRANCH_LABEL: path.ref}
        async for found in self.lakeport.transactions(path.repository, states=states, labels=labels):
            self._named[path.repository, path.ref] = found.transaction_id
            return True
        return False

    async def _is_foreign(self, ref: str) -> bool:
        """Whether a ref is a transaction that another process began, and that is still open."""
        known = self._foreign.get(ref)
        if known is not None and known[0] > time.monotonic():
            return known[1]
        try:
            found = await self.lakeport.transaction(ref)
        except NotFoundError:
            is_open = False
        else:
            is_open = found.state.state in _OPEN
        if len(self._foreign) > _MOST:
            self._foreign.clear()
            self._named.clear()
        self._foreign[ref] = (time.monotonic() + _FOREIGN, is_open)
        return is_open

    def _may_keep(self, files: Files, where: Path) -> bool:
        """Whether what is told there is kept: never in a transaction, nor at its commits by a name that moves with it."""
        return not files.place.transaction_id and files.place.ref == where.ref

    # ---- what is known

    def invalidate_cache(self, path: str | None = None) -> None:
        """What is known of a path, or of everything, is asked anew."""
        self._known.forget_below("" if path is None else self._strip_protocol(path))
        super().invalidate_cache(path)

    def forget_ref(self, repository: str, ref: str) -> None:
        """A branch has moved: what was known of it is asked anew."""
        self._known.forget_below(f"{repository}/{ref}")

    # ---- writes

    async def _write(self, path: Path, write: Callable[[Files], Awaitable[T]], again: Callable[[], bool] = lambda: True) -> T:
        """A write to the ref of a path. Where its branch is not there, it is made, if that is wanted, and the write done again."""
        warn_of_base(path.repository, path.ref)
        files = await self._files(path)
        try:
            return await write(files)
        except NotFoundError as error:
            if error.reason != "REF_NOT_FOUND" or files.place.transaction_id:
                raise
            if may_be_transaction(path.ref) or registry.has_ended(self._name(path.repository, path.ref)):
                message = f"transaction {path.ref} has ended, or never was: nothing can be written to it"
                raise NotFoundError(message, error.code, error.reason) from None
            is_named = await self._named_by_another(path)
            if not (is_named or self.create_branch_ok) or not again():
                raise
        if is_named:
            return await write(await self._files(path))
        with contextlib.suppress(ExistsError):
            # Another may have been faster.
            await self.lakeport.versions.create_branch(path.repository, path.ref, self.source_branch)
        return await write(files)


def waiting(method: Callable[..., Any]) -> Any:
    """A method that waits for an asynchronous one: of an instance, or of the class."""

    @functools.wraps(method)
    def call(*args: Any, **kwargs: Any) -> Any:
        fs = getattr(method, "__self__", None) or args[0]
        # First, since it says that this process was forked: then the call is not even begun.
        loop = fs.loop
        return _loop.run(method(*args, **kwargs), loop)

    return call


def iterating(method: Callable[..., Any]) -> Any:
    """As `waiting`, for an asynchronous iterator."""

    @functools.wraps(method)
    def call(*args: Any, **kwargs: Any) -> Any:
        fs = getattr(method, "__self__", None) or args[0]
        loop = fs.loop
        return _loop.iterate(method(*args, **kwargs), loop)

    return call


@contextlib.contextmanager
def about(path: object) -> Iterator[None]:
    """Failures in this block are about that path."""
    try:
        yield
    except LakeportError as error:
        error.filename = error.filename or str(path)
        raise


def by_ref(paths: Iterable[Path]) -> dict[tuple[str, str], list[Path]]:
    """Paths by their repositories and refs: what one call can take."""
    groups: dict[tuple[str, str], list[Path]] = {}
    for path in paths:
        groups.setdefault((path.repository, path.ref), []).append(path)
    return groups


def unique() -> str:
    """A name of a file that nobody has."""
    return f".{uuid.uuid4().hex[:16]}.part"


def _warn_of_slips(options: Iterable[str]) -> None:
    """Libraries pass on what is meant for others. What nearly has the name of an option of ours was meant for us."""
    own = [option.name for option in inspect.signature(Base.__init__).parameters.values() if option.kind is not option.VAR_KEYWORD]
    for name in options:
        if meant := difflib.get_close_matches(name, own, n=1, cutoff=0.75):
            warnings.warn(f"LakeFSFileSystem has no option {name}: is {meant[0]} meant?", stacklevel=4)


def _credentials(username: str | None, password: str | None, token: str | None, scheme: str | None) -> Credentials | None:
    if token is not None:
        return Credentials.token(token, scheme or "Bearer")
    if (username is None) != (password is None):
        message = "username and password go together: a key's ID and its secret"
        raise InvalidError(message)
    return Credentials.key_pair(username, password) if username is not None and password is not None else None


def _timeout(config: RequestConfig | None, timeout: float | None) -> float | None:
    if unheard := {"headers", "request_auth"} & set(config or {}):
        message = f"request_config: {', '.join(sorted(unheard))} cannot be sent: credentials are username and password, or a token"
        raise InvalidError(message)
    asked = (config or {}).get("request_timeout")
    if asked is None:
        return timeout
    return float(sum(asked)) if isinstance(asked, tuple) else float(asked)
