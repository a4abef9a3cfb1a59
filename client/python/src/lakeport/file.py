"""Open files: reads go through fsspec's block caches, and a written file is published when it is closed."""

from __future__ import annotations

import atexit
import codecs
import contextlib
import gc
import io
import tempfile
import warnings
import weakref
from typing import TYPE_CHECKING, Any

from fsspec.asyn import AbstractAsyncStreamedFile
from fsspec.spec import AbstractBufferedFile

from lakeport import _loop
from lakeport.errors import InvalidError

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self

    from lakeport.caching import Info
    from lakeport.filesystem.reading import Reads
    from lakeport.spec import LakeFSFileSystem
    from lakeport.transaction import LakeFSTransaction

HEAD = 1 << 20
"""Bytes that are read when a file is opened. Most objects are not larger, and then one request reads the whole object."""
_IN_MEMORY = 16 << 20
"""Bytes of a written file that are kept in memory; a larger file is spooled to disk."""


_MARKS = {"utf-16": codecs.BOM_UTF16, "utf-32": codecs.BOM_UTF32}
"""Byte order marks of the encodings that begin with one."""

_writers: weakref.WeakSet[LakeFSFile | LakeFSStreamedFile] = weakref.WeakSet()
"""Files that are open for writing."""


@atexit.register
def _discard_open_files() -> None:
    """Discards unclosed files, with a warning: at the end of the process, uploads are no longer possible."""
    for file in list(_writers):
        if not file.closed and file.has_data():
            _warn_of_loss(file.path)
        file.discard()


def _warn_of_loss(path: str) -> None:
    warnings.warn(f"{path} was not closed: its data is not stored", RuntimeWarning, stacklevel=2)


class Reading:
    """Reads one version of an object. If the object has been replaced, reads raise `ConflictError`."""

    def __init__(self, fs: Reads, path: str, info: Info, head: bytes) -> None:
        self._fs = fs
        self._path = path
        self.info = info
        self._head = head

    async def fetch(self, start: int, end: int) -> bytes:
        """Returns the bytes from `start` (inclusive) to `end` (exclusive)."""
        size = self.info["size"]
        start, end = max(start, 0), min(end, size)
        if start >= end:
            return b""
        if size <= HEAD and len(self._head) < size:
            self._head = await self._read(0, size)
        known = self._head[start:end]
        if len(known) == end - start:
            return known
        return known + await self._read(start + len(known), end)

    async def _read(self, start: int, end: int) -> bytes:
        return await self._fs.read_version(self._path, start, end - start, self.info["ETag"])


class LakeFSFile(AbstractBufferedFile):  # type: ignore[misc]
    """An open file.

    Closing a written file publishes all of its data. An exception in the `with` block of the file discards the data.
    """

    fs: LakeFSFileSystem
    buffer: io.BytesIO

    def __init__(
        self,
        fs: LakeFSFileSystem,
        path: str,
        mode: str,
        *,
        reading: Reading | None = None,
        transaction: LakeFSTransaction | None = None,
        content_type: str | None = None,
        metadata: dict[str, str] | None = None,
        **kwargs: Any,
    ) -> None:
        kwargs.pop("size", None)
        self._reading = reading
        self._transaction = transaction
        self._attributes: dict[str, Any] = {"content_type": content_type or "", "metadata": metadata or {}}
        # The server aborts an upload without data for half a minute, and a program may compute for longer between two writes.
        self._spool = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY) if reading is None else None
        self._wrapper: io.IOBase | None = None
        self._outer: weakref.ref[io.IOBase] | None = None
        self.is_held_back = False
        """Whether a compressor has received data that it may not have written to this file."""
        self._cache_options = kwargs.get("cache_options")
        if reading is not None:
            self._details = reading.info
        super().__init__(fs, path, mode, size=reading.info["size"] if reading else None, **kwargs)
        if transaction is not None:
            transaction.handles.add(self)
        if reading is None:
            _writers.add(self)

    def __hash__(self) -> int:
        return id(self) if self._reading is None else hash((self.path, self.details["ETag"]))

    def __reduce__(self) -> tuple[Any, ...]:
        if self._reading is None:
            message = f"{self.path} is open for writing: only files that are open for reading can be pickled"
            raise TypeError(message)
        cache_type = self.cache.name if self.cache else "none"
        caching = (self.blocksize, cache_type, self._cache_options)
        return _reopen, (self.fs, self.path, self._reading.info, caching, self.loc)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if kind is not None and self.writable():
            # An incomplete object must not be published.
            self.discard()
        self.close()

    def _fetch_range(self, start: int, end: int) -> bytes:
        if self._reading is None:
            message = "not open for reading"
            raise io.UnsupportedOperation(message)
        return _loop.run(self._reading.fetch(start, end), self.fs.loop)

    def seekable(self) -> bool:
        """Returns true, also for writing: `io.TextIOWrapper` writes a byte order mark only at the start of such a file."""
        return not self.closed

    def seek(self, loc: int, whence: int = 0) -> int:
        if self.mode == "rb":
            return int(super().seek(loc, whence))
        self.loc: int = self._spill().seek(loc, whence)
        return self.loc

    def _spill(self) -> tempfile.SpooledTemporaryFile[bytes]:
        """Moves buffered data to the spool."""
        if self._spool is None or self.closed:
            message = f"{self.path} is already closed"
            raise ValueError(message)
        try:
            self._spool.write(self.buffer.getvalue())
        except BaseException:
            # Part of the data may have been written, and must not be written twice.
            self.discard()
            raise
        self.buffer = io.BytesIO()
        return self._spool

    def _upload_chunk(self, final: bool = False) -> bool:
        self._spill()
        if final and self.autocommit:
            self.commit()
        return True

    def commit(self) -> None:
        """Publishes the written data. Called by `close`, or at the end of an fsspec transaction."""
        if not self.forced:
            self.discard()
            message = f"{self.path} is still open at the end of the transaction: its data is not stored"
            raise InvalidError(message)
        spool, self._spool = self._spool, None
        if spool is None:
            return
        try:
            size = spool.seek(0, io.SEEK_END)
            spool.seek(0)
            is_new = self.mode == "xb"
            _loop.run(self.fs.write_file(self.path, spool, size, create_only=is_new, **self._attributes), self.fs.loop)
        finally:
            spool.close()
            self._unregister()

    def discard(self) -> None:
        """Discards the written data."""
        if self._spool is not None:
            self._spool.close()
            self._spool = None
        self.forced = True
        self.closed = True
        self._unregister()

    def finish(self) -> bool:
        """Closes the file and its wrapper at the end of the transaction.

        Returns False if another library's wrapper may hold back data.
        """
        if self._wrapper is None and _is_wrapped(self):
            return False
        (self._wrapper or self).close()
        return True

    def __del__(self) -> None:
        try:
            super().__del__()
        except Exception:
            if self._transaction is None:
                raise
            self._transaction.lost.append(self.path)

    def wrap(self, wrapper: io.IOBase) -> None:
        """Registers a wrapper that writes to this file. The transaction closes the wrapper instead of the file."""
        self._outer = weakref.ref(wrapper)
        if self._transaction is not None:
            self._wrapper = wrapper

    def has_data(self) -> bool:
        """Returns whether data was written to the file, or is held back by a file object that wraps it."""
        wrapper = self._outer() if self._outer is not None else None
        if wrapper is None:
            return bool(self.seek(0, io.SEEK_END)) or not self.autocommit or _is_wrapped(self)
        with contextlib.suppress(Exception):
            wrapper.flush()
        return bool(self.seek(0, io.SEEK_END)) or not self.autocommit or self.is_held_back

    def _unregister(self) -> None:
        if self._transaction is not None:
            self._transaction.handles.discard(self)


def _reopen(fs: LakeFSFileSystem, path: str, info: Info, caching: tuple[int, str, Any], at: int) -> LakeFSFile:
    """Restores a pickled file with the same version of the object, at the same position."""
    size, kind, options = caching
    file = LakeFSFile(fs, path, "rb", reading=Reading(fs, path, info, b""), block_size=size, cache_type=kind, cache_options=options)
    file.seek(at)
    return file


class LakeFSText(io.TextIOWrapper):
    """A text file over a binary or compressed file. An exception in its `with` block discards the data."""

    def __init__(self, file: LakeFSFile, wrapped: Any, mode: str, **options: Any) -> None:
        super().__init__(wrapped, **options)
        self._mode = mode.replace("t", "")
        self._wrapped = wrapped
        # The base class writes the byte order mark only to files that it can seek in.
        has_mark = wrapped.writable() and not wrapped.seekable()
        self._mark = _MARKS.get(codecs.lookup(self.encoding).name, b"") if has_mark else b""
        file.wrap(self)

    @property
    def mode(self) -> str:
        """Mode in which the file was opened, without `t`."""
        return self._mode

    def write(self, text: str, /) -> int:
        if self._mark and text:
            mark, self._mark = self._mark, b""
            self._wrapped.write(mark)
        return super().write(text)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if kind is not None and self._wrapped.writable():
            self._wrapped.discard()
        super().__exit__(kind, error, trace)

    def close(self) -> None:
        try:
            if not self.closed:
                self.flush()
        except BaseException:
            # Without its last bytes, the file is incomplete.
            if self._wrapped.writable():
                self._wrapped.discard()
            raise
        super().close()


def _is_wrapped(file: LakeFSFile) -> bool:
    """Returns whether a file object of another library wraps the file, and may hold back data."""
    for holder in gc.get_referrers(file):
        holders = gc.get_referrers(holder) if isinstance(holder, dict) else [holder]
        if any(isinstance(each, io.IOBase) and each is not file for each in holders):
            return True
    return False


class LakeFSStreamedFile(AbstractAsyncStreamedFile):  # type: ignore[misc]
    """A file that is open on an event loop. As for `LakeFSFile`, closing it publishes the data."""

    fs: LakeFSFileSystem

    def __init__(
        self,
        fs: LakeFSFileSystem,
        path: str,
        mode: str,
        *,
        reading: Reading | None = None,
        transaction: LakeFSTransaction | None = None,
        content_type: str | None = None,
        metadata: dict[str, str] | None = None,
        **kwargs: Any,
    ) -> None:
        kwargs.pop("size", None)
        self._reading = reading
        self._transaction = transaction
        self._create_only = mode == "xb"
        self._attributes: dict[str, Any] = {"content_type": content_type or "", "metadata": metadata or {}}
        self._spool = None if reading else tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY)
        if reading is not None:
            self._details = reading.info
        super().__init__(
            fs, path, "rb" if reading else "wb", size=reading.info["size"] if reading else None, cache_type="none", **kwargs
        )
        if transaction is not None:
            transaction.handles.add(self)
        if reading is None:
            _writers.add(self)

    def __hash__(self) -> int:
        return id(self)

    def __reduce__(self) -> tuple[Any, ...]:
        message = f"{self.path} is open on an event loop: it cannot be pickled"
        raise TypeError(message)

    def has_data(self) -> bool:
        """Returns whether something was written to the file."""
        return bool(self.loc)

    def finish(self) -> bool:
        """Returns False: only the code that opened the file can close it."""
        return False

    def discard(self) -> None:
        """Discards the written data."""
        if self._spool is not None:
            self._spool.close()
        self.closed = True
        self._unregister()

    def _unregister(self) -> None:
        if self._transaction is not None:
            self._transaction.handles.discard(self)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if kind is not None and self._spool is not None:
            self.discard()
            return
        await self.close()

    async def _fetch_range(self, start: int, end: int) -> bytes:
        if self._reading is None:
            message = "not open for reading"
            raise io.UnsupportedOperation(message)
        return await self._reading.fetch(start, end)

    async def _upload_chunk(self, final: bool = False) -> bool:
        if self._spool is None:
            return True
        self._spool.write(self.buffer.getvalue())
        if final:
            size = self._spool.tell()
            self._spool.seek(0)
            try:
                await self.fs.write_file(self.path, self._spool, size, create_only=self._create_only, **self._attributes)
            finally:
                self._spool.close()
                self._unregister()
        return True

    def __del__(self) -> None:
        # Closing is asynchronous and impossible here: the data of an unclosed file is not stored.
        if self._spool is not None and not self.closed:
            self._spool.close()
            if self._transaction is not None:
                self._transaction.lost.append(self.path)
            elif self.has_data():
                _warn_of_loss(self.path)
