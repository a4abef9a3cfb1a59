"""Writes: many small objects in one call, and large objects as a stream whose last message publishes the object."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path as LocalPath
from typing import TYPE_CHECKING, Any, Literal

from fsspec.callbacks import DEFAULT_CALLBACK
from fsspec.implementations.local import trailing_sep
from fsspec.utils import stringify_path

from lakeport.aio.concurrency import gather_limited
from lakeport.aio.writing import rewind
from lakeport.errors import ExistsError, InvalidError, LakeportError
from lakeport.filesystem.base import attach_path, by_ref
from lakeport.filesystem.local_names import local_files, local_name
from lakeport.filesystem.names import Paths, as_list, distinct, targets
from lakeport.filesystem.reading import Reads, logger
from lakeport.registry import registry

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import BinaryIO

    from fsspec.callbacks import Callback

    from lakeport.aio import Files
    from lakeport.paths import Path
    from lakeport.v1 import files_pb2 as v1

_CONCURRENCY = 32
"""Maximum number of concurrent uploads of one call."""

Mode = Literal["overwrite", "create"]


class Writes(Reads):
    """`pipe`, `put`, `touch`, metadata, and the uploads of open files."""

    # ---- bytes

    async def _pipe_file(
        self,
        path: str,
        value: bytes,
        mode: Mode = "overwrite",
        *,
        content_type: str | None = None,
        metadata: dict[str, str] | None = None,
        **_: object,
    ) -> None:
        where = self._parse(path).object()

        async def write(files: Files) -> v1.FileInfo:
            return await files.write(
                where.key,
                value,
                content_type=content_type or "",
                metadata=metadata,
                create_only=_is_new(mode),
            )

        await self._stored(where, write)
        self._record(where)

    def _record(self, where: Path) -> None:
        """Records a write in the transaction to which the path refers, if it does."""
        transaction = registry.find(self._name(where.repository, where.ref))
        if transaction is not None:
            transaction.files.append(str(where))

    async def _stored(self, where: Path, write: Any, again: Any = lambda: True) -> None:
        with attach_path(where):
            try:
                await self._write(where, write, again)
            finally:
                # Cached metadata may be outdated, even after an error.
                self._known.forget(str(where))

    async def _pipe(
        self,
        path: str | Mapping[str, bytes],
        value: bytes | None = None,
        batch_size: int | None = None,
        *,
        mode: Mode = "overwrite",
        **kwargs: Any,
    ) -> None:
        del batch_size  # The server chooses its own batch size.
        if isinstance(path, str):
            await self._pipe_file(path, value or b"", mode=mode, **kwargs)
            return
        objects = {self._parse(name).object(): data for name, data in path.items()}
        if kwargs:
            await gather_limited((self._pipe_file(name, data, mode=mode, **kwargs) for name, data in path.items()), _CONCURRENCY)
            return
        for (repository, ref), group in by_ref(objects).items():
            by_key = {where.key: objects[where] for where in group}

            async def write(files: Files, by_key: dict[str, bytes] = by_key) -> None:
                answers = await files.write_many(by_key, create_only=_is_new(mode))
                for key, answer in zip(by_key, answers, strict=True):
                    if isinstance(answer, LakeportError):
                        answer.filename = f"{repository}/{ref}/{key}"  # noqa: B023  (awaited before the next iteration)
                        raise answer

            try:
                await self._write(group[0], write)
                for where in group:
                    self._record(where)
            finally:
                for where in group:
                    self._known.forget(str(where))

    # ---- files

    async def _put(
        self,
        lpath: Any,
        rpath: Any,
        recursive: bool = False,
        callback: Any = DEFAULT_CALLBACK,
        maxdepth: int | None = None,
        **kwargs: Any,
    ) -> None:
        lpath, rpath = stringify_path(lpath), stringify_path(rpath)
        if isinstance(lpath, str) or isinstance(rpath, str):
            pairs = await self._uploads(lpath, rpath, recursive=recursive, maxdepth=maxdepth)
        else:
            # As in fsspec, two lists are pairs of names: they contain no patterns.
            pairs = list(zip(as_list(lpath), as_list(rpath), strict=True))
        # Given pairs, fsspec only uploads them.
        await super()._put([local for local, _ in pairs], [name for _, name in pairs], callback=callback, **kwargs)

    async def _uploads(self, lpath: Paths, rpath: Paths, *, recursive: bool, maxdepth: int | None) -> list[tuple[str, str]]:
        """Returns the local files to upload with the paths of their objects."""
        named = await asyncio.to_thread(local_files, lpath, recursive=recursive, maxdepth=maxdepth)
        if not isinstance(rpath, str):
            return list(zip(named.sources, as_list(rpath), strict=True))
        self._known.forget(str(self._parse(rpath)))
        into = trailing_sep(rpath) or await self._isdir(rpath)
        top = local_name(lpath) if isinstance(lpath, str) else ""
        found = targets(lpath, named, str(self._parse(rpath)), top=top, is_whole=recursive and maxdepth is None, into=into)
        return distinct([(name, found[name]) for name in named.sources])

    async def _put_file(
        self,
        lpath: Any,
        rpath: str,
        callback: Callback = DEFAULT_CALLBACK,
        mode: Mode = "overwrite",
        *,
        precheck: bool = False,
        content_type: str | None = None,
        metadata: dict[str, str] | None = None,
        **_: object,
    ) -> None:
        local = LocalPath(stringify_path(lpath))
        if local.is_dir():
            return
        where = self._parse(rpath).object()
        size = local.stat().st_size
        callback.set_size(size)
        if precheck and mode == "overwrite" and await self._is_same(where, local):
            logger.info("%s has the same checksum as %s: not uploaded", where, local)
            return
        with local.open("rb") as file:
            source = _ProgressReader(file, callback)
            await self.write_file(
                str(where),
                source,
                size,
                create_only=_is_new(mode),
                content_type=content_type or "",
                metadata=metadata or {},
            )

    async def write_file(
        self,
        path: str,
        source: Any,
        size: int,
        *,
        create_only: bool,
        content_type: str,
        metadata: dict[str, str],
    ) -> None:
        """Stores an object of `size` bytes from a file. If the file has another number of bytes, nothing is stored."""
        where = self._parse(path)
        again = rewind(source)

        async def write(files: Files) -> v1.FileInfo:
            return await files.write(
                where.key, source, size=size, create_only=create_only, content_type=content_type, metadata=metadata
            )

        await self._stored(where, write, again)
        self._record(where)

    async def _touch(self, path: str, truncate: bool = True, **kwargs: Any) -> None:
        """Creates an empty object. Without `truncate`, leaves an existing object unchanged: lakeFS cannot set its time alone."""
        with contextlib.nullcontext() if truncate else contextlib.suppress(ExistsError):
            await self._pipe_file(path, b"", "overwrite" if truncate else "create", **kwargs)

    # ---- directories, which are prefixes of paths and cannot be created

    async def _mkdir(self, path: str, create_parents: bool = True, **_: object) -> None:
        if await self._isfile(path):
            raise ExistsError("is an object", reason="OBJECT_EXISTS", filename=str(self._parse(path)))
        self._known.add_new(str(self._parse(path)))

    async def _makedirs(self, path: str, exist_ok: bool = False) -> None:
        if not exist_ok and await self._exists(path):
            raise ExistsError("already exists", filename=str(self._parse(path)))
        self._known.add_new(str(self._parse(path)))

    # ---- metadata

    async def _getxattr(self, path: str, attr_name: str) -> str | None:
        return (await self._metadata(path)).get(attr_name)

    async def _setxattr(self, path: str, **attributes: str | None) -> None:
        where = self._parse(path).object()
        changed = await self._metadata(path)
        for name, value in attributes.items():
            if value is None:
                changed.pop(name, None)
            else:
                changed[name] = value

        async def write(files: Files) -> None:
            await files.set_metadata(where.key, changed)

        await self._stored(where, write)

    async def _new(self, path: str) -> None:
        """Raises `ExistsError` if an object exists, before a file is opened in exclusive mode."""
        if await self._object(self._parse(path).object(), refresh=True) is not None:
            raise ExistsError("already exists", reason="OBJECT_EXISTS", filename=str(self._parse(path)))


class _ProgressReader:
    """A local file that reports its progress to a callback."""

    def __init__(self, file: BinaryIO, callback: Callback) -> None:
        self._file = file
        self._callback = callback
        self.tell = file.tell

    def read(self, size: int, /) -> bytes:
        piece = self._file.read(size)
        self._callback.relative_update(len(piece))
        return piece

    def seek(self, position: int) -> int:
        self._callback.absolute_update(position)
        return self._file.seek(position)


def _is_new(mode: str) -> bool:
    if mode not in {"overwrite", "create"}:
        message = f'mode={mode!r} must be "overwrite" or "create"'
        raise InvalidError(message)
    return mode == "create"
