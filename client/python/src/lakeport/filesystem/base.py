"""The common base of the file system: connection, routing of paths to refs and transactions, and caches."""

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
from lakeport.batching import Lookups
from lakeport.caching import Cache, DirCache
from lakeport.endpoint import NotConfiguredError
from lakeport.errors import ExistsError, InvalidError, LakeportError, NotFoundError
from lakeport.lakectl import Credentials
from lakeport.paths import Path
from lakeport.prefetch import Prefetcher
from lakeport.registry import BRANCH_LABEL, Name, may_be_transaction, registry, split_expression
from lakeport.transaction import LakeFSTransaction, warn_of_base
from lakeport.v1 import transactions_pb2

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Iterator

    from lakeport.aio import Files
    from lakeport.types import RequestConfig

T = TypeVar("T")

_FOREIGN_LIFETIME = 5.0
"""Seconds for which the client remembers whether a ref is an open transaction of another process."""
_MAX_FOREIGN = 1000
"""Maximum number of refs for which the client remembers this."""
_OPEN = {transactions_pb2.TRANSACTION_STATE_OPEN, transactions_pb2.TRANSACTION_STATE_COMMITTING}


class Base(AsyncFileSystem):  # type: ignore[misc]
    """The constructor, and methods that the other parts use."""

    protocol = ("lakefs", "lakeport")
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
        """A file system on a lakeport server. For the address of a lakeFS, the client starts a local lakeport server.

        Parameters
        ----------
        host
            `grpc://HOST:PORT` (`grpcs://` with TLS) is a running lakeport server; `http(s)://HOST` is a lakeFS. Default:
            `LAKEPORT_ENDPOINT`, else the lakeFS of `LAKECTL_SERVER_ENDPOINT_URL` or `~/.lakectl.yaml`.
        username, password
            Access key ID and secret access key of lakeFS. Without any credentials: those of `LAKECTL_CREDENTIALS_*` or
            `~/.lakectl.yaml`.
        access_token, api_key, api_key_prefix
            A token of lakeFS, instead of a key pair. `api_key_prefix` is its authentication scheme, by default `Bearer`.
        ssl_ca_cert
            Path of a PEM file with CA certificates. They replace the default ones, for `grpcs://` and for a lakeFS with `https://`.
        verify_ssl, proxy
            Not supported: gRPC always verifies certificates, and takes its proxy from `grpc_proxy`. Values other than the defaults
            raise `InvalidError`.
        create_branch_ok, source_branch
            Whether a write to a missing branch creates the branch, and from which branch.
        pre_sign
            Ignored: all data goes through lakeport, which checks it.
        request_config
            Only `request_timeout` is used, as `timeout`.
        timeout
            Timeout of a call with a single response, in seconds. Uploads, downloads and listings may take longer while data flows.
        listings_expiry_time
            Seconds for which metadata and listings of branches and tags are cached. Those at a commit ID do not expire.
        use_listings_cache
            Whether metadata and listings of branches and tags are cached.
        storage_options
            Options of fsspec: `asynchronous`, `loop`, `batch_size`, `skip_instance_cache`.

        """
        super().__init__(**storage_options)
        self._mirror()
        _warn_of_typos(storage_options)
        if not verify_ssl or proxy is not None:
            message = (
                "verify_ssl=False and proxy are not supported: trust a certificate with ssl_ca_cert, "
                "and set a proxy with the environment variable grpc_proxy"
            )
            raise InvalidError(message)
        self.create_branch_ok = create_branch_ok
        self.source_branch = source_branch
        self.pre_sign = pre_sign
        self.host = host
        self._connect = functools.partial(
            aio.Client,
            host,
            _credentials(username, password, access_token or api_key, api_key_prefix),
            timeout=_timeout(request_config, timeout),
            root_certificates=LocalPath(ssl_ca_cert).read_bytes() if ssl_ca_cert else None,
        )
        self._client: aio.Client | None = None
        with contextlib.suppress(NotConfiguredError):
            # The first call raises this error, because the program may still configure the address.
            self._client = self._connect()
        self._known = Cache((listings_expiry_time or 0.0) if use_listings_cache else 0.0)
        self.dircache = DirCache(self._known)
        """The cached listings by directory."""
        self._lookups = Lookups()
        self._prefetcher = Prefetcher(self._known.seconds)
        self._foreign: dict[str, tuple[float, bool]] = {}
        self._named: dict[tuple[str, str], str] = {}

    @property
    def lakeport(self) -> aio.Client:
        """The client that sends all requests."""
        if self._client is None:
            self._client = self._connect()
        return self._client

    def _mirror(self) -> None:
        """Creates the blocking methods, as fsspec does, but on top of `_loop`.

        After a timeout, fsspec's own wrapper raises its own exception, without errno, reason and message.
        """
        mirror_sync_methods(self)
        for name, method in list(vars(self).items()):
            method_async = getattr(method, "__wrapped__", None)
            if inspect.iscoroutinefunction(method_async):
                setattr(self, name, blocking(method_async))
            elif inspect.isasyncgenfunction(method_async):
                setattr(self, name, blocking_iterator(method_async))

    @classmethod
    def _strip_protocol(cls, path: Any) -> Any:
        if isinstance(path, list):
            return [cls._strip_protocol(item) for item in path]
        text = stringify_path(path)
        for protocol in cls.protocol:
            text = text.removeprefix(f"{protocol}://").removeprefix(f"{protocol}::")
        return text.strip("/") if text.startswith("/") else text.rstrip("/")

    @classmethod
    def _parent(cls, path: str) -> str:
        return str(cls._strip_protocol(path)).rpartition("/")[0]

    # ---- routing of paths

    def _parse(self, path: Any) -> Path:
        return Path.parse(self._strip_protocol(path))

    async def _files(self, path: Path) -> Files:
        """Returns the objects that a path refers to: those of a transaction if the ref names one, else those of the ref."""
        own = registry.find(self._name(path.repository, path.ref))
        if own is not None:
            return self.lakeport.files_of(own.id)
        if may_be_transaction(path.ref) and await self._is_foreign(path.ref):
            return self.lakeport.files_of(path.ref)
        named = self._named.get((path.repository, path.ref))
        if named is not None and await self._is_foreign(named):
            return self.lakeport.files_of(named)
        name, suffix = split_expression(path.ref)
        own = registry.find(self._name(path.repository, name)) if name != path.ref else None
        if own is not None:
            return self.lakeport.files(path.repository, (await own.head()).commit_id + suffix)
        return self.lakeport.files(path.repository, path.ref)

    def _name(self, repository: str, ref: str) -> Name:
        return (self.lakeport.identity, repository, ref)

    async def is_transaction(self, repository: str, ref: str) -> bool:
        """Returns whether a ref is the name of an open transaction, of this process or of another one."""
        if registry.find(self._name(repository, ref)) is not None or await self._is_foreign(ref):
            return True
        return await self._named_by_another(Path(repository, ref, ""))

    async def _named_by_another(self, path: Path) -> bool:
        """Returns whether an open transaction of another process uses the ref as its branch name, and remembers the transaction."""
        states, labels = [transactions_pb2.TRANSACTION_STATE_OPEN], {BRANCH_LABEL: path.ref}
        async for found in self.lakeport.transactions(path.repository, states=states, labels=labels):
            self._named[path.repository, path.ref] = found.transaction_id
            return True
        return False

    async def _is_foreign(self, ref: str) -> bool:
        """Returns whether a ref is the ID of an open transaction of another process."""
        known = self._foreign.get(ref)
        if known is not None and known[0] > time.monotonic():
            return known[1]
        try:
            found = await self.lakeport.transaction(ref)
        except NotFoundError:
            is_open = False
        else:
            is_open = found.state.state in _OPEN
        if len(self._foreign) > _MAX_FOREIGN:
            self._foreign.clear()
            self._named.clear()
        self._foreign[ref] = (time.monotonic() + _FOREIGN_LIFETIME, is_open)
        return is_open

    def _may_cache(self, files: Files, where: Path) -> bool:
        """Returns whether metadata of a path may be cached.

        It must not be cached in a transaction, nor at a commit that is reached by a transaction's name, because the name moves.
        """
        return not files.place.transaction_id and files.place.ref == where.ref

    # ---- cache

    def invalidate_cache(self, path: str | None = None) -> None:
        """Removes cached metadata of a path and everything below it, or of all paths."""
        self._known.forget_below("" if path is None else self._strip_protocol(path))
        super().invalidate_cache(path)

    def forget_ref(self, repository: str, ref: str) -> None:
        """Removes cached metadata of a branch that has moved."""
        self._known.forget_below(f"{repository}/{ref}")

    # ---- writes

    async def _write(self, path: Path, write: Callable[[Files], Awaitable[T]], again: Callable[[], bool] = lambda: True) -> T:
        """Writes to the ref of a path. If its branch does not exist and may be created, creates the branch and retries the write.

        Before a retry, `again` rewinds the data and returns whether that was possible.
        """
        warn_of_base(path.repository, path.ref)
        files = await self._files(path)
        try:
            return await write(files)
        except NotFoundError as error:
            if error.reason != "REF_NOT_FOUND" or files.place.transaction_id:
                raise
            if may_be_transaction(path.ref) or registry.has_ended(self._name(path.repository, path.ref)):
                message = f"transaction {path.ref} has ended or never existed: it accepts no writes"
                raise NotFoundError(message, error.code, error.reason) from None
            is_named = await self._named_by_another(path)
            if not (is_named or self.create_branch_ok) or not again():
                raise
        if is_named:
            return await write(await self._files(path))
        with contextlib.suppress(ExistsError):
            # Another client may have created the branch.
            await self.lakeport.versions.create_branch(path.repository, path.ref, self.source_branch)
        return await write(files)


def blocking(method: Callable[..., Any]) -> Any:
    """Turns an asynchronous method, of an instance or of the class, into a blocking one."""

    @functools.wraps(method)
    def call(*args: Any, **kwargs: Any) -> Any:
        fs = getattr(method, "__self__", None) or args[0]
        # Read the loop first: it raises in a forked process, before the coroutine is created.
        loop = fs.loop
        return _loop.run(method(*args, **kwargs), loop)

    return call


def blocking_iterator(method: Callable[..., Any]) -> Any:
    """Like `blocking`, for an asynchronous iterator."""

    @functools.wraps(method)
    def call(*args: Any, **kwargs: Any) -> Any:
        fs = getattr(method, "__self__", None) or args[0]
        loop = fs.loop
        return _loop.iterate(method(*args, **kwargs), loop)

    return call


@contextlib.contextmanager
def attach_path(path: object) -> Iterator[None]:
    """Sets the path on errors that are raised in this block."""
    try:
        yield
    except LakeportError as error:
        error.filename = error.filename or str(path)
        raise


def by_ref(paths: Iterable[Path]) -> dict[tuple[str, str], list[Path]]:
    """Groups paths by repository and ref. One call can take one group."""
    groups: dict[tuple[str, str], list[Path]] = {}
    for path in paths:
        groups.setdefault((path.repository, path.ref), []).append(path)
    return groups


def temporary_name() -> str:
    """Returns a unique name for a temporary file."""
    return f".{uuid.uuid4().hex[:16]}.part"


def _warn_of_typos(options: Iterable[str]) -> None:
    """Warns about unknown options that resemble an option of this file system.

    Other unknown options are ignored, because libraries pass on options for other file systems.
    """
    own = [option.name for option in inspect.signature(Base.__init__).parameters.values() if option.kind is not option.VAR_KEYWORD]
    for name in options:
        if meant := difflib.get_close_matches(name, own, n=1, cutoff=0.75):
            warnings.warn(f"LakeFSFileSystem has no option {name}: did you mean {meant[0]}?", stacklevel=4)


def _credentials(username: str | None, password: str | None, token: str | None, scheme: str | None) -> Credentials | None:
    if token is not None:
        return Credentials.token(token, scheme or "Bearer")
    if (username is None) != (password is None):
        message = "username and password must be given together: an access key ID and its secret access key"
        raise InvalidError(message)
    return Credentials.key_pair(username, password) if username is not None and password is not None else None


def _timeout(config: RequestConfig | None, timeout: float | None) -> float | None:
    if unsupported := {"headers", "request_auth"} & set(config or {}):
        names = ", ".join(sorted(unsupported))
        message = f"request_config: {names} not supported: pass credentials as username and password, or as a token"
        raise InvalidError(message)
    seconds = (config or {}).get("request_timeout")
    if seconds is None:
        return timeout
    return float(sum(seconds)) if isinstance(seconds, tuple) else float(seconds)
