"""Files that are open: reads through fsspec's block caches, writes that are published when they are closed."""

from __future__ import annotations

import atexit
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
"""Bytes that opening a file reads along: most objects are no larger, and then all of it is one request."""
_IN_MEMORY = 16 << 20
"""Bytes of a file that is written which are kept in memory; what is more goes to a temporary file."""


_writers: weakref.WeakSet[LakeFSFile] = weakref.WeakSet()
"""Files that are open for writing."""


@atexit.register
def _drop_what_is_open() -> None:
    """At the end of the process nothing can be sent any more: what was not closed is not stored, and that is said."""
    for file in list(_writers):
        if file.writable() and (file.loc or not file.autocommit):
            warnings.warn(f"{file.path} was not closed: nothing of it is stored", RuntimeWarning, stacklevel=1)
        file.discard()


class Reading:
    """An object that is read: every byte of it is of the same version, or an error says that there is another."""

    def __init__(self, fs: Reads, path: str, info: Info, head: bytes) -> None:
        self._fs = fs
        self._path = path
        self.info = info
        self._head = head

    async def fetch(self, start: int, end: int) -> bytes:
        """The bytes from `start` to before `end`."""
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
    """A file that is open. One that is written is visible once it is closed, all of it; or, by an exception in its block, never."""

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
        self._about: dict[str, Any] = {"content_type": content_type or "", "metadata": metadata or {}}
        self._spool: tempfile.SpooledTemporaryFile[bytes] | None = None
        self._over: io.IOBase | None = None
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
            message = f"{self.path} is written, and whoever does that is one process"
            raise TypeError(message)
        cache_type = self.cache.name if self.cache else "none"
        caching = (self.blocksize, cache_type, self._cache_options)
        return _open_again, (self.fs, self.path, self._reading.info, caching, self.loc)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if kind is not None and self.writable():
            # Half of an object, under the name of all of it, is worse than none.
            self.discard()
        self.close()

    def _fetch_range(self, start: int, end: int) -> bytes:
        if self._reading is None:
            message = "not open for reading"
            raise io.UnsupportedOperation(message)
        return _loop.run(self._reading.fetch(start, end), self.fs.loop)

    def _initiate_upload(self) -> None:
        # The server lets an upload wait for half a minute; whoever computes between two writes may need longer.
        self._spool = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY)

    def _upload_chunk(self, final: bool = False) -> bool:
        if self._spool is None:
            message = f"{self.path} is closed already"
            raise ValueError(message)
        try:
            self._spool.write(self.buffer.getvalue())
        except BaseException:
            # A part of it may be there, and must not be there twice.
            self.discard()
            raise
        if final and self.autocommit:
            self.commit()
        return True

    def commit(self) -> None:
        """Publishes what was written. Called by `close`, or at the end of fsspec's own transactions."""
        if not self.forced:
            self.discard()
            message = f"{self.path} is still open at the end of the transaction: nothing of it is stored"
            raise InvalidError(message)
        spool, self._spool = self._spool, None
        if spool is None:
            return
        try:
            size = spool.tell()
            spool.seek(0)
            is_new = self.mode == "xb"
            _loop.run(self.fs.write_file(self.path, spool, size, create_only=is_new, **self._about), self.fs.loop)
        finally:
            spool.close()
            self._leave()

    def discard(self) -> None:
        """Drops what was written."""
        if self._spool is not None:
            self._spool.close()
            self._spool = None
        self.forced = True
        self.closed = True
        self._leave()

    def finish(self) -> bool:
        """Closes it at the end of its transaction, with what is over it, if that is known."""
        if self._over is None and _is_wrapped(self):
            return False
        (self._over or self).close()
        return True

    def __del__(self) -> None:
        try:
            super().__del__()
        except Exception:
            if self._transaction is None:
                raise
            self._transaction.lost.append(self.path)

    def wrap(self, over: io.IOBase) -> None:
        """Something is written over it, and is to be closed instead where a transaction closes it."""
        if self._transaction is not None:
            self._over = over

    def _leave(self) -> None:
        if self._transaction is not None:
            self._transaction.handles.discard(self)


def _open_again(fs: LakeFSFileSystem, path: str, info: Info, caching: tuple[int, str, Any], at: int) -> LakeFSFile:
    """A file that was pickled: of the version that it was opened with, and where it was read to."""
    size, kind, options = caching
    file = LakeFSFile(fs, path, "rb", reading=Reading(fs, path, info, b""), block_size=size, cache_type=kind, cache_options=options)
    file.seek(at)
    return file


class LakeFSText(io.TextIOWrapper):
    """Text over a file, or over what is over it: an exception in its block drops it, as that of the bytes."""

    def __init__(self, file: LakeFSFile, over: Any, **about: Any) -> None:
        super().__init__(over, **about)
        self._over = over
        file.wrap(self)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if kind is not None and self._over.writable():
            self._over.discard()
        super().__exit__(kind, error, trace)

    def close(self) -> None:
        try:
            if not self.closed:
                self.flush()
        except BaseException:
            # Without its end it is half of a file.
            if self._over.writable():
                self._over.discard()
            raise
        super().close()


def _is_wrapped(file: LakeFSFile) -> bool:
    """Whether a file of another library is over it, which may hold back what was written to it."""
    for holder in gc.get_referrers(file):
        holders = gc.get_referrers(holder) if isinstance(holder, dict) else [holder]
        if any(isinstance(each, io.IOBase) and each is not file for each in holders):
            return True
    return False


class LakeFSStreamedFile(AbstractAsyncStreamedFile):  # type: ignore[misc]
    """A file that is open on an event loop."""

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
        self._about: dict[str, Any] = {"content_type": content_type or "", "metadata": metadata or {}}
        self._spool = None if reading else tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY)
        if reading is not None:
            self._details = reading.info
        super().__init__(
            fs, path, "rb" if reading else "wb", size=reading.info["size"] if reading else None, cache_type="none", **kwargs
        )
        if transaction is not None:
            transaction.handles.add(self)

    def __hash__(self) -> int:
        return id(self)

    def __reduce__(self) -> tuple[Any, ...]:
        message = f"{self.path} is open on an event loop, which is of one process"
        raise TypeError(message)

    def finish(self) -> bool:
        """It can be closed by who opened it alone."""
        return False

    def discard(self) -> None:
        """Drops what was written."""
        if self._spool is not None:
            self._spool.close()
        self.closed = True
        self._leave()

    def _leave(self) -> None:
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
                await self.fs.write_file(self.path, self._spool, size, create_only=self._create_only, **self._about)
            finally:
                self._spool.close()
                self._leave()
        return True

    def __del__(self) -> None:
        # Closing waits, which nothing can here: what was not closed is not written.
        if self._spool is not None and not self.closed:
            self._spool.close()
            if self._transaction is not None:
                self._transaction.lost.append(self.path)
