"""Reads: many small objects in one call, and large objects as a stream that resumes after a lost connection."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import os
from contextvars import ContextVar
from pathlib import Path as LocalPath
from typing import TYPE_CHECKING, Any

from fsspec.callbacks import DEFAULT_CALLBACK
from fsspec.implementations.local import make_path_posix, trailing_sep
from fsspec.utils import stringify_path

from lakeport.aio.concurrency import gather_limited
from lakeport.errors import ConflictError, InvalidError, LakeportError, NotFoundError
from lakeport.file import HEAD, Reading
from lakeport.filesystem.base import attach_path, by_ref, temporary_name
from lakeport.filesystem.listing import entry, missing
from lakeport.filesystem.names import Names, Paths, as_list, targets
from lakeport.util import md5_checksum

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import BinaryIO

    from fsspec.callbacks import Callback

    from lakeport.aio import Download
    from lakeport.paths import Path

logger = logging.getLogger("lakeport")

_CONCURRENCY = 32
"""Maximum number of concurrent streams of one call for many objects."""
_RANGES = 1000
"""Maximum number of ranges of one object in one call."""


class Reads(Names):
    """`cat`, `get`, and files that are open for reading."""

    # ---- one object

    async def _cat_file(self, path: str, start: int | None = None, end: int | None = None, **_: object) -> bytes:
        where = self._parse(path).object()
        with attach_path(where):
            start = start or 0
            if end is None:
                return await self._part(where, start, 0)
            if 0 <= start < end:
                return await self._part(where, start, end - start)
            # Resolve the slice as Python does, which requires the size, and read the same version of the object.
            found = await self._object(where, refresh=True)
            if found is None:
                raise await self._no_object(where, missing(where))
            start, end = slice(start, end).indices(found["size"])[:2]
            return await self._part(where, start, end - start, found["ETag"]) if start < end else b""

    async def _part(self, where: Path, offset: int, limit: int, if_match: str = "") -> bytes:
        files = await self._files(where)
        try:
            return await files.read(where.key, offset, limit, if_match)
        except NotFoundError as error:
            raise await self._no_object(where, error) from None
        except InvalidError as error:
            if error.reason == "RANGE_OUT_OF_BOUNDS":
                # Empty, as for a slice of bytes and a read after the end of a file.
                return b""
            raise

    async def read_version(self, path: str, offset: int, limit: int, etag: str) -> bytes:
        """Reads a part of an object. Raises `ConflictError` if the object does not have this etag."""
        where = self._parse(path)
        with attach_path(where):
            try:
                return await self._part(where, offset, limit, etag)
            except ConflictError:
                # The cached metadata is outdated.
                self._known.forget(str(where))
                raise

    async def _reading(self, path: str) -> Reading:
        """Opens an object: returns its metadata and its first bytes, with one call."""
        where = self._parse(path).object()
        with attach_path(where):
            known = self._known.info(str(where))
            if known is not None and "commit" in known:
                # The metadata at a commit never changes.
                return Reading(self, str(where), known, b"")
            files = await self._files(where)
            download = files.open_read(where.key, 0, HEAD)
            try:
                head = b"".join([view async for view in download.views()])
            except NotFoundError as error:
                raise await self._no_object(where, error) from None
            info = entry(where.root, download.info)
            # Responses to reads do not contain user metadata, so this entry must not answer `info`.
            del info["metadata"]
            return Reading(self, str(where), info, head)

    # ---- many objects

    async def _cat(self, path: Any, recursive: bool = False, on_error: str = "raise", **kwargs: Any) -> bytes | dict[str, bytes]:
        path = stringify_path(path)
        named = await self._expanded(path, recursive=recursive)
        if isinstance(path, str) and not recursive and named.unchecked:
            return await self._cat_file(path, **kwargs)
        paths = named.sources if recursive else named.all
        if not paths:
            raise missing(self._parse(as_list(path)[0]))
        return _select(await self._contents(paths), on_error)

    async def _contents(self, paths: list[str]) -> dict[str, bytes | Exception]:
        found: dict[str, bytes | Exception] = {}

        async def alone(name: str) -> None:
            try:
                found[name] = await self._cat_file(name)
            except OSError as error:
                found[name] = error

        large = []
        for group in by_ref(self._parse(path) for path in paths).values():
            objects = [where for where in group if where.key]
            large += [str(where) for where in group if not where.key]
            files = await self._files(group[0])
            answers = await files.read_many([where.key for where in objects]) if objects else []
            for where, answer in zip(objects, answers, strict=True):
                if isinstance(answer, bytes):
                    found[str(where)] = answer
                elif answer.reason in {"RANGE_OUT_OF_BOUNDS", "OBJECT_NOT_FOUND"}:
                    # The object is too large for a batch, or missing: a separate call reads it or returns the exact error.
                    large.append(str(where))
                else:
                    answer.filename = str(where)
                    found[str(where)] = answer
        await gather_limited((alone(name) for name in large), _CONCURRENCY)
        return {path: found[path] for path in paths}

    async def _cat_ranges(
        self,
        paths: list[str],
        starts: int | list[int] | None,
        ends: int | list[int] | None,
        max_gap: int | None = None,
        batch_size: int | None = None,
        on_error: str = "return",
        **kwargs: Any,
    ) -> list[bytes | Exception]:
        if max_gap is not None:
            raise NotImplementedError("max_gap")
        if not isinstance(paths, list):
            raise TypeError("paths must be a list")
        slices = [_as_list(starts, len(paths)), _as_list(ends, len(paths))]
        if any(len(each) != len(paths) for each in slices):
            raise ValueError("paths, starts and ends differ in length")
        if all(not start and end is None for start, end in zip(*slices, strict=True)):
            whole = await self._contents([self._strip_protocol(path) for path in paths])
            out: list[bytes | Exception] = [whole[self._strip_protocol(path)] for path in paths]
        else:
            out = await self._slices(paths, slices[0], slices[1], batch_size or self.batch_size or _CONCURRENCY)
        if on_error != "return":
            for found in out:
                if isinstance(found, Exception):
                    raise found
        return out

    async def _slices(
        self, paths: list[str], starts: list[int | None], ends: list[int | None], at_once: int
    ) -> list[bytes | Exception]:
        out: list[bytes | Exception] = [b""] * len(paths)

        async def one(index: int) -> None:
            try:
                out[index] = await self._cat_file(paths[index], starts[index], ends[index])
            except OSError as error:
                out[index] = error

        async def many(path: str, indices: list[int]) -> None:
            parts = [(starts[index] or 0, (ends[index] or 0) - (starts[index] or 0)) for index in indices]
            where = self._parse(path)
            try:
                with attach_path(where):
                    where = where.object()
                    answers = await (await self._files(where)).read_ranges(where.key, parts)
            except LakeportError as error:
                answers = [error] * len(indices)
            for index, answer in zip(indices, answers, strict=True):
                if isinstance(answer, LakeportError):
                    answer.filename = str(where)
                    # Empty, as for a slice of bytes.
                    out[index] = b"" if answer.reason == "RANGE_OUT_OF_BOUNDS" else answer
                else:
                    out[index] = answer

        groups, alone = _group_ranges(paths, starts, ends)
        work = [one(index) for index in alone] + [many(path, indices) for path, indices in groups]
        await gather_limited(work, at_once)
        return out

    # ---- to local files

    async def _get(
        self,
        rpath: Any,
        lpath: Any,
        recursive: bool = False,
        callback: Any = DEFAULT_CALLBACK,
        maxdepth: int | None = None,
        **kwargs: Any,
    ) -> None:
        rpath, lpath = stringify_path(rpath), make_path_posix(lpath)
        if isinstance(rpath, str) or isinstance(lpath, str):
            pairs = await self._downloads(rpath, lpath, recursive=recursive, maxdepth=maxdepth)
        else:
            # As in fsspec, two lists are pairs of names: they contain no patterns.
            pairs = list(zip(as_list(rpath), as_list(lpath), strict=True))
        written = _written.set({})
        try:
            # Given pairs, fsspec only downloads them.
            await super()._get([name for name, _ in pairs], [local for _, local in pairs], callback=callback, **kwargs)
        finally:
            _written.reset(written)

    async def _downloads(self, rpath: Paths, lpath: Any, *, recursive: bool, maxdepth: int | None) -> list[tuple[str, str]]:
        """Returns the objects to download with their local paths, and creates the local directories."""
        named = await self._expanded(rpath, recursive=recursive, maxdepth=maxdepth)
        if isinstance(rpath, str) and not recursive:
            named.unchecked = {name for name in named.unchecked if await self._type(name) != "directory"}
        if not isinstance(lpath, str):
            return list(zip(named.sources, as_list(lpath), strict=True))
        top = str(self._parse(rpath)) if isinstance(rpath, str) else ""
        into = trailing_sep(lpath) or LocalPath(lpath).is_dir()
        found = targets(rpath, named, lpath, top=top, is_whole=recursive and maxdepth is None, into=into)
        root = os.path.abspath(lpath)
        for name, local in found.items():
            if not LocalPath(os.path.abspath(local)).is_relative_to(root):
                message = f"would be written to {local}, which is outside of {lpath}"
                raise InvalidError(message, filename=name)
        for name in found.keys() - set(named.sources):
            LocalPath(found[name]).mkdir(parents=True, exist_ok=True)
        return [(name, found[name]) for name in named.sources]

    async def _get_file(
        self,
        rpath: str,
        lpath: Any,
        callback: Callback = DEFAULT_CALLBACK,
        outfile: BinaryIO | None = None,
        precheck: bool = False,
        **_: object,
    ) -> None:
        where = self._parse(rpath)
        if outfile is not None or hasattr(lpath, "write"):
            with attach_path(where):
                await self._download(where, outfile or lpath, callback)
            return
        local = LocalPath(stringify_path(lpath))
        if local.is_dir():
            if where.key and await self._object(where) is not None:
                raise IsADirectoryError(errno.EISDIR, f"{where} cannot be written there: the local path is a directory", str(local))
            # The entry is a directory of a tree. Nothing to do: the downloads of its objects create local directories.
            return
        is_kept = local.is_file() or not local.exists()
        target = os.path.normcase(LocalPath(os.path.realpath(local.parent)) / local.name)
        if is_kept and (other := _written.get({}).setdefault(target, where)) != where:
            # Keys may differ only by an empty part, which local paths do not have.
            message = f"cannot be written to {local}, because {other} is written there: download one of them to another name"
            raise InvalidError(message, filename=str(where))
        if local.exists() and (local.is_symlink() or not local.is_file()):
            with local.open("wb") as file, attach_path(where):
                await self._download(where, file, callback)
            return
        if precheck and local.is_file() and await self._is_same(where, local):
            logger.info("%s has the same checksum as %s: not downloaded", local, where)
            return
        # Download to a temporary file: a failed download must not leave an incomplete file under the final name.
        part = local.with_name(temporary_name())
        try:
            with part.open("wb") as file, attach_path(where):
                await self._download(where, file, callback)
            part.replace(local)
        except NotFoundError:
            if not await self._isdir(rpath):
                raise
            local.mkdir(parents=True, exist_ok=True)
        finally:
            with contextlib.suppress(FileNotFoundError):
                part.unlink()

    async def _is_same(self, where: Path, local: LocalPath) -> bool:
        found = await self._object(where, refresh=True)
        if found is None or found["size"] != local.stat().st_size:
            return False
        return bool(await asyncio.to_thread(md5_checksum, local) == found["checksum"])

    async def _download(self, where: Path, file: BinaryIO, callback: Callback) -> None:
        download: Download = (await self._files(where.object())).open_read(where.key)
        writing: asyncio.Future[int] | None = None
        async for piece in download.views():
            if writing is None:
                callback.set_size(download.info.size_bytes)
            else:
                await writing
            # A disk may be slow: write one chunk while the next one arrives.
            writing = asyncio.ensure_future(asyncio.to_thread(file.write, piece))
            callback.relative_update(len(piece))
        if writing is None:
            callback.set_size(0)
        else:
            await writing


_written: ContextVar[dict[str, Path]] = ContextVar("_written")
"""Local files that one recursive download has written, with their objects."""


def _select(found: dict[str, bytes | Exception], on_error: str) -> dict[str, Any]:
    failed = next((answer for answer in found.values() if isinstance(answer, Exception)), None)
    if failed is not None and on_error == "raise":
        raise failed
    if on_error == "omit":
        return {path: answer for path, answer in found.items() if not isinstance(answer, Exception)}
    return found


def _as_list(value: Any, length: int) -> list[Any]:
    return list(value) if hasattr(value, "__iter__") else [value] * length


def _group_ranges(
    paths: list[str], starts: list[int | None], ends: list[int | None]
) -> tuple[list[tuple[str, list[int]]], list[int]]:
    """Splits ranges into groups of one object, which need one call each, and single ranges, which need separate calls."""
    groups: dict[str, list[int]] = {}
    alone: list[int] = []
    for index, path in enumerate(paths):
        start, end = starts[index] or 0, ends[index]
        if start < 0 or end is None or end <= start:
            alone.append(index)
        else:
            groups.setdefault(path, []).append(index)
    batches: list[tuple[str, list[int]]] = []
    for path, indices in groups.items():
        if len(indices) == 1 or _overlap([(starts[index] or 0, ends[index] or 0) for index in indices]):
            alone += indices
            continue
        batches += [(path, indices[at : at + _RANGES]) for at in range(0, len(indices), _RANGES)]
    return batches, alone


def _overlap(ranges: Iterable[tuple[int, int]]) -> bool:
    reached = 0
    for start, end in sorted(ranges):
        if start < reached:
            return True
        reached = end
    return False
