"""Compression over a file: closed as one, or dropped as one."""

from __future__ import annotations

import contextlib
import io
from typing import TYPE_CHECKING, Any

from fsspec.compression import compr
from fsspec.core import get_compression

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Buffer, Self

    from lakeport.file import LakeFSFile


def pack(file: LakeFSFile, path: str, mode: str, compression: str) -> io.BufferedIOBase | LakeFSFile:
    """A file over which is compressed; with "infer", as the name of the path says."""
    found = get_compression(path, compression)
    return file if found is None else LakeFSPacked(file, compr[found](file, mode=mode[0]))


class LakeFSPacked(io.BufferedIOBase):
    """What is written is visible once this is closed, with what ends a compressed file; or, by an exception in its block, never."""

    def __init__(self, file: LakeFSFile, packed: Any) -> None:  # noqa: ANN401  (a file of some module for compression)
        super().__init__()
        self._file = file
        self._packed = packed
        file.wrap(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if kind is not None and not self.closed:
            self.discard()
        self.close()

    def discard(self) -> None:
        """Drops what was written."""
        try:
            # Its end goes into what is dropped; without one it would look for the file later.
            with contextlib.suppress(Exception):
                self._packed.close()
        finally:
            if self._file.writable():
                self._file.discard()
            super().close()

    def close(self) -> None:
        if self.closed:
            return
        try:
            if not self._file.closed:
                self._packed.close()
                self._file.close()
        except BaseException:
            # Without its end it is half of a file.
            if self._file.writable():
                self._file.discard()
            raise
        finally:
            super().close()

    def readable(self) -> bool:
        return bool(self._packed.readable())

    def writable(self) -> bool:
        return bool(self._packed.writable())

    def seekable(self) -> bool:
        return bool(self._packed.seekable())

    def read(self, size: int | None = -1, /) -> bytes:
        return bytes(self._packed.read(-1 if size is None else size))

    def read1(self, size: int = -1, /) -> bytes:
        return self.read(size)

    def write(self, data: Buffer, /) -> int:
        self._packed.write(data)
        return memoryview(data).nbytes

    def seek(self, offset: int, whence: int = 0, /) -> int:
        return int(self._packed.seek(offset, whence))

    def tell(self) -> int:
        return int(self._packed.tell())
