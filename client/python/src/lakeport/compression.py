"""Files with compression. Compressor and file are closed together, or discarded together."""

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


def open_compressed(file: LakeFSFile, path: str, mode: str, compression: str) -> io.BufferedIOBase | LakeFSFile:
    """Returns a file that compresses or decompresses; with "infer", the extension of the path selects the compression."""
    found = get_compression(path, compression)
    return file if found is None else LakeFSCompressedFile(file, compr[found](file, mode=mode[0]))


class LakeFSCompressedFile(io.BufferedIOBase):
    """A compressed file.

    Closing it writes the end of the compressed data and publishes the object. An exception in its `with` block discards the data.
    """

    def __init__(self, file: LakeFSFile, compressed: Any) -> None:  # noqa: ANN401  (a file object of a compression module)
        super().__init__()
        self._file = file
        self._compressed = compressed
        file.wrap(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if kind is not None and not self.closed:
            self.discard()
        self.close()

    def discard(self) -> None:
        """Discards the written data."""
        try:
            # Close the compressor while its output can still be discarded: it would access the file later.
            with contextlib.suppress(Exception):
                self._compressed.close()
        finally:
            if self._file.writable():
                self._file.discard()
            super().close()

    def close(self) -> None:
        if self.closed:
            return
        try:
            if not self._file.closed:
                self._compressed.close()
                self._file.close()
        except BaseException:
            # Without the end of the compressed data, the file is incomplete.
            if self._file.writable():
                self._file.discard()
            raise
        finally:
            super().close()

    def readable(self) -> bool:
        return bool(self._compressed.readable())

    def writable(self) -> bool:
        return bool(self._compressed.writable())

    def seekable(self) -> bool:
        return bool(self._compressed.seekable())

    def read(self, size: int | None = -1, /) -> bytes:
        return bytes(self._compressed.read(-1 if size is None else size))

    def read1(self, size: int = -1, /) -> bytes:
        return self.read(size)

    def write(self, data: Buffer, /) -> int:
        self._compressed.write(data)
        self._file.is_held_back = True
        return memoryview(data).nbytes

    def seek(self, offset: int, whence: int = 0, /) -> int:
        return int(self._compressed.seek(offset, whence))

    def tell(self) -> int:
        return int(self._compressed.tell())
