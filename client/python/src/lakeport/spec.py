"""The fsspec file system for lakeFS, with the constructor, the paths and the transactions of lakefs-spec."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from fsspec import AbstractFileSystem

from lakeport import _loop
from lakeport.caching import with_slashes
from lakeport.compression import open_compressed
from lakeport.errors import InvalidError, translate_lakefs_error
from lakeport.file import LakeFSFile, LakeFSStreamedFile, LakeFSText
from lakeport.filesystem.base import blocking
from lakeport.filesystem.changing import Changes
from lakeport.registry import registry
from lakeport.transaction import LakeFSTransaction
from lakeport.util import batched, md5_checksum, parse

if TYPE_CHECKING:
    from fsspec.spec import AbstractBufferedFile

    from lakeport.paths import Path

__all__ = ["LakeFSFileSystem", "batched", "md5_checksum", "parse", "translate_lakefs_error"]

_MODES = {"rb", "wb", "xb"}


class LakeFSFileSystem(Changes):
    """A file system for lakeFS, with paths `repository/ref/path`, with or without `lakefs://`.

    A ref is a branch, a tag, a commit ID or an expression such as `main~1`. `fs.transaction(...)` creates a ref for a transaction.
    Directories are prefixes of paths: an empty directory does not exist. After `mkdir`, `ls` of it is empty
    until the next write to it.
    """

    _sdk: Any = None

    # Blocking variants of the asynchronous methods, with fsspec's names.
    checksum: Any = blocking(Changes._checksum)  # pyright: ignore[reportAssignmentType]
    created: Any = blocking(Changes._modified)
    getxattr: Any = blocking(Changes._getxattr)
    infos: Any = blocking(Changes._infos)
    metadata: Any = blocking(Changes._metadata)
    modified: Any = blocking(Changes._modified)
    mv: Any = blocking(Changes._mv)
    rmdir: Any = blocking(Changes._rmdir)  # pyright: ignore[reportAssignmentType]
    setxattr: Any = blocking(Changes._setxattr)
    sign: Any = blocking(Changes._sign)
    touch: Any = blocking(Changes._touch)
    move: Any = mv
    rename: Any = mv

    @property
    def client(self) -> Any:
        """A client of lakeFS's own SDK (`pip install lakefs`) for the same lakeFS, for operations that do not concern files."""
        if self._sdk is None:
            self._sdk = self._new_sdk()
        return self._sdk

    @client.setter
    def client(self, client: Any) -> None:
        self._sdk = client

    def _new_sdk(self) -> Any:
        try:
            from lakefs.client import Client  # noqa: PLC0415
        except ImportError as error:
            message = (
                "fs.client requires lakeFS's own SDK, which is not installed (pip install lakefs); lakeport's client is fs.lakeport"
            )
            raise ImportError(message) from error
        options = self.storage_options
        keys = ("host", "username", "password", "access_token", "ssl_ca_cert")
        given = {name: options[name] for name in keys if options.get(name) is not None}
        if str(given.get("host", "")).startswith(("grpc", "unix:")):
            message = "fs.client requires the address of lakeFS, but host is that of a lakeport server: use fs.lakeport"
            raise InvalidError(message)
        made: Any = Client
        return made(**given)

    def ls(self, path: str, detail: bool = True, **kwargs: Any) -> list[Any]:
        """Lists a directory. Names of directories end with a slash, as in lakefs-spec. `ls("")` lists the repositories.

        `refresh=True` bypasses the cache. `recursive=True` also lists everything below.
        """
        shown = with_slashes(_loop.run(self._ls(path, **kwargs), self.loop))
        return shown if detail else [info["name"] for info in shown]

    def tree(self, path: str = "", *args: Any, **kwargs: Any) -> str:
        """Returns a drawing of a directory. See `fsspec.AbstractFileSystem.tree`."""
        return str(_Tree(self).tree(path, *args, **kwargs))

    def open(
        self,
        path: str | os.PathLike[str],
        mode: str = "rb",
        block_size: int | None = None,
        cache_options: dict[str, Any] | None = None,
        compression: str | None = None,
        **kwargs: Any,
    ) -> Any:
        """Opens an object in mode `r`, `rb`, `w`, `wb`, `x` or `xb`. See `fsspec.AbstractFileSystem.open`.

        `content_type` and `metadata` are stored with a written object. The object becomes visible when the file is closed; an
        exception in the `with` block of the file discards the data.
        """
        kwargs.pop("pre_sign", None)
        text_options = {name: kwargs.pop(name) for name in ("encoding", "errors", "newline") if name in kwargs}
        of_bytes = mode if "b" in mode else mode.replace("t", "") + "b"
        file: Any = super().open(path, of_bytes, block_size=block_size, cache_options=cache_options, **kwargs)
        made = file if compression is None else open_compressed(file, self._strip_protocol(path), of_bytes, compression)
        return made if "b" in mode else LakeFSText(file, made, mode, **text_options)

    def _open(
        self,
        path: str,
        mode: str = "rb",
        block_size: int | None = None,
        autocommit: bool = True,
        cache_options: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> AbstractBufferedFile:
        how = {"block_size": block_size, "autocommit": autocommit, "cache_options": cache_options, **kwargs}
        _check(mode)
        if mode == "rb":
            return LakeFSFile(self, path, mode, reading=_loop.run(self._reading(path), self.loop), **how)
        where = self._parse(path).object()
        if mode == "xb":
            _loop.run(self._new(path), self.loop)
        return LakeFSFile(self, path, mode, transaction=self._transaction_at(where), **how)

    async def open_async(self, path: str, mode: str = "rb", **kwargs: Any) -> LakeFSStreamedFile:
        """Opens an object on the event loop, in mode `rb`, `wb` or `xb`."""
        _check(mode)
        path = self._strip_protocol(path)
        if mode == "rb":
            return LakeFSStreamedFile(self, path, mode, reading=await self._reading(path), **kwargs)
        where = self._parse(path).object()
        if mode == "xb":
            await self._new(path)
        return LakeFSStreamedFile(self, path, mode, transaction=self._transaction_at(where), **kwargs)

    def _transaction_at(self, where: Path) -> LakeFSTransaction | None:
        return registry.find(self._name(where.repository, where.ref))


class _Tree:
    """The method `tree` of fsspec, with names of directories without the slash at their end, which `tree` would take for a name."""

    tree: Any = AbstractFileSystem.tree

    def __init__(self, fs: LakeFSFileSystem) -> None:
        self._fs = fs

    def ls(self, path: str, detail: bool = True) -> list[Any]:
        return _loop.run(self._fs._ls(path, detail), self._fs.loop)


def _check(mode: str) -> None:
    if mode not in _MODES:
        message = f"unsupported mode {mode!r}: objects are read (rb, r) or written whole (wb, xb, w, x), never appended to"
        raise NotImplementedError(message)
