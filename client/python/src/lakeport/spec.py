"""lakeFS as a file system of fsspec, with the constructor, the paths and the transactions of lakefs-spec."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from lakeport import _loop
from lakeport.errors import InvalidError
from lakeport.file import LakeFSFile, LakeFSStreamedFile, LakeFSText
from lakeport.filesystem.base import waiting
from lakeport.filesystem.changing import Changes
from lakeport.packed import pack
from lakeport.registry import registry
from lakeport.transaction import LakeFSTransaction
from lakeport.util import parse

if TYPE_CHECKING:
    from fsspec.spec import AbstractBufferedFile

    from lakeport.paths import Path

__all__ = ["LakeFSFileSystem", "parse"]

_MODES = {"rb", "wb", "xb"}


class LakeFSFileSystem(Changes):
    """Files of a lakeFS: `repository/ref/path`, with or without `lakefs://` before it.

    A ref is a branch, a tag, a commit ID or an expression such as `main~1`; `fs.transaction(...)` makes one that is a transaction.
    Folders are what paths have in common: there are no empty ones, and making one does nothing.
    """

    # The asynchronous ones, as fsspec names them, for those who wait.
    checksum: Any = waiting(Changes._checksum)  # pyright: ignore[reportAssignmentType]
    created: Any = waiting(Changes._modified)
    getxattr: Any = waiting(Changes._getxattr)
    infos: Any = waiting(Changes._infos)
    metadata: Any = waiting(Changes._metadata)
    modified: Any = waiting(Changes._modified)
    mv: Any = waiting(Changes._mv)
    setxattr: Any = waiting(Changes._setxattr)
    sign: Any = waiting(Changes._sign)
    touch: Any = waiting(Changes._touch)
    move: Any = mv
    rename: Any = mv

    @property
    def client(self) -> Any:
        """LakeFS's own SDK for the same lakeFS, for what scripts do with it beside files; `pip install lakefs`."""
        try:
            from lakefs.client import Client  # noqa: PLC0415
        except ImportError as error:
            message = "fs.client is lakeFS's own SDK, which is not installed (pip install lakefs); lakeport's is fs.lakeport"
            raise ImportError(message) from error
        said = self.storage_options
        keys = ("host", "username", "password", "access_token", "ssl_ca_cert")
        given = {name: said[name] for name in keys if said.get(name) is not None}
        if str(given.get("host", "")).startswith(("grpc", "unix:")):
            message = "fs.client is lakeFS's own SDK, and host names a lakeport: lakeFS's address is not known; use fs.lakeport"
            raise InvalidError(message)
        made: Any = Client
        return made(**given)

    def ls(self, path: str, detail: bool = True, **kwargs: Any) -> list[Any]:
        """What is in a folder; folders with a slash behind their names, as lakefs-spec has it. `ls("")` are the repositories.

        `refresh=True` asks the server whatever is known, `recursive=True` lists the folders of it, too.
        """
        infos = _loop.run(self._ls(path, **kwargs), self.loop)
        shown = [{**info, "name": f"{info['name']}/"} if info["type"] == "directory" else info for info in infos]
        return shown if detail else [info["name"] for info in shown]

    def open(
        self,
        path: str | os.PathLike[str],
        mode: str = "rb",
        block_size: int | None = None,
        cache_options: dict[str, Any] | None = None,
        compression: str | None = None,
        **kwargs: Any,
    ) -> Any:
        """Opens an object: `r rb w wb x xb`. See `fsspec.AbstractFileSystem.open`.

        `content_type` and `metadata` go with what is written. That is visible once the file is closed; an exception in the file's
        block drops it.
        """
        kwargs.pop("pre_sign", None)
        about_text = {name: kwargs.pop(name) for name in ("encoding", "errors", "newline") if name in kwargs}
        of_bytes = mode if "b" in mode else mode.replace("t", "") + "b"
        file: Any = super().open(path, of_bytes, block_size=block_size, cache_options=cache_options, **kwargs)
        made = file if compression is None else pack(file, self._strip_protocol(path), of_bytes, compression)
        return made if "b" in mode else LakeFSText(file, made, **about_text)

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
        """Opens an object on the event loop: `rb wb xb`."""
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


def _check(mode: str) -> None:
    if mode not in _MODES:
        message = f"mode {mode!r}: objects are read, or written whole (rb, wb, xb and r, w, x); nothing is appended to them"
        raise NotImplementedError(message)
