"""Objects that are stored: many small ones by one call, large ones as a stream that publishes with its last message."""

from __future__ import annotations

from pathlib import Path as LocalPath
from typing import TYPE_CHECKING, Any, Literal

from fsspec.callbacks import DEFAULT_CALLBACK
from fsspec.utils import stringify_path

from lakeport.aio.together import together
from lakeport.aio.writing import rewind
from lakeport.errors import ExistsError, InvalidError, LakeportError
from lakeport.filesystem.base import about, by_ref
from lakeport.filesystem.reading import Reads, logger

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import BinaryIO

    from fsspec.callbacks import Callback

    from lakeport.aio import Files
    from lakeport.paths import Path
    from lakeport.v1 import files_pb2 as v1

_AT_ONCE = 32
"""Uploads that one call has under way."""

Mode = Literal["overwrite", "create"]


class Writes(Reads):
    """`pipe`, `put`, `touch`, metadata, and what files that are open for writing need."""

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

    async def _stored(self, where: Path, write: Any, again: Any = lambda: True) -> None:
        with about(where):
            try:
                await self._write(where, write, again)
            finally:
                # Whatever became of it: what was known may be wrong.
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
        del batch_size  # The server knows how many it does at once.
        if isinstance(path, str):
            await self._pipe_file(path, value or b"", mode=mode, **kwargs)
            return
        objects = {self._parse(name).object(): data for name, data in path.items()}
        if kwargs:
            await together((self._pipe_file(name, data, mode=mode, **kwargs) for name, data in path.items()), _AT_ONCE)
            return
        for (repository, ref), group in by_ref(objects).items():
            by_key = {where.key: objects[where] for where in group}

            async def write(files: Files, by_key: dict[str, bytes] = by_key) -> None:
                answers = await files.write_many(by_key, create_only=_is_new(mode))
                for key, answer in zip(by_key, answers, strict=True):
                    if isinstance(answer, LakeportError):
                        answer.filename = f"{repository}/{ref}/{key}"  # noqa: B023  (awaited before the next turn)
                        raise answer

            try:
                await self._write(group[0], write)
            finally:
                for where in group:
                    self._known.forget(str(where))

    # ---- files

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
            logger.info("%s has the checksum of %s: not uploaded", where, local)
            return
        with local.open("rb") as file:
            source = _Watched(file, callback)
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
        """Stores an object of so many bytes, which come from a file. With other than so many, nothing is stored."""
        where = self._parse(path)
        again = rewind(source)

        async def write(files: Files) -> v1.FileInfo:
            return await files.write(
                where.key, source, size=size, create_only=create_only, content_type=content_type, metadata=metadata
            )

        await self._stored(where, write, again)

    async def _touch(self, path: str, truncate: bool = True, **kwargs: Any) -> None:
        if not truncate and await self._exists(path):
            raise NotImplementedError("an object cannot be touched without writing it: truncate=True makes it empty")
        await self._pipe_file(path, b"", **kwargs)

    # ---- folders, which are not made: they are what paths have in common

    async def _mkdir(self, path: str, create_parents: bool = True, **_: object) -> None:
        if await self._isfile(path):
            raise ExistsError("is an object", reason="OBJECT_EXISTS", filename=str(self._parse(path)))

    async def _makedirs(self, path: str, exist_ok: bool = False) -> None:
        if not exist_ok and await self._exists(path):
            raise ExistsError("is there already", filename=str(self._parse(path)))

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
        """Raises if an object is there, for those who open a file that must not be."""
        if await self._object(self._parse(path).object(), refresh=True) is not None:
            raise ExistsError("is there already", reason="OBJECT_EXISTS", filename=str(self._parse(path)))


class _Watched:
    """A local file whose progress is told."""

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
        message = f'mode={mode!r} has to be "overwrite" or "create"'
        raise InvalidError(message)
    return mode == "create"
