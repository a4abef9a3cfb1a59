"""Operations on the objects of a ref or of a transaction."""

from __future__ import annotations

import asyncio
import contextlib
import copy
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

import grpc
from grpc import aio

from lakeport import errors
from lakeport.aio.channel import Channel, Progress, Stubs
from lakeport.aio.concurrency import gather_limited
from lakeport.aio.frames import WriteFrame
from lakeport.aio.place import Place
from lakeport.aio.reading import Download
from lakeport.aio.writing import CHUNK, Data, messages, rewind
from lakeport.v1 import files_pb2 as v1

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Iterator, Mapping, Sequence

T = TypeVar("T")

Stat: TypeAlias = "v1.FileInfo | errors.LakeportError"
"""Metadata of one of many objects, or the error for it."""
Stats: TypeAlias = list[Stat]
Contents: TypeAlias = "list[bytes | errors.LakeportError]"
Paths: TypeAlias = list[str]

_BATCH = 10_000
"""Maximum number of items of a batch."""
_BATCH_BYTES = 1 << 20
"""Maximum size of a batch write in bytes. It is a third of the limit, so that batches overlap and large objects are streamed."""
_REFUSAL = 3.0
"""Seconds to wait for the reason why an upload was rejected."""
_REFUSAL_UNSENT = 0.2
"""Seconds to wait for a rejection that the server sends before it receives any message."""
_REFUSAL_ATTEMPTS = 3
"""Maximum number of attempts to get the reason."""
_CONCURRENCY = 8
"""Maximum number of concurrent batch writes."""


class Files:
    """Objects of a ref or of a transaction. Paths are lakeFS keys: opaque and never normalised."""

    def __init__(self, channel: Channel, place: Place) -> None:
        self._channel = channel
        self.place = place

    def _at(self) -> dict[str, Any]:
        where = self.place
        return {"repository": where.repository, "ref": where.ref, "transaction_id": where.transaction_id}

    async def stat(self, path: str) -> v1.FileInfo:
        """Returns the metadata of an object. Raises `NotFoundError` if it does not exist."""
        request = v1.StatRequest(**self._at(), path=path)
        return (await self._channel.ask(lambda to: to.files.Stat(request, **to.once), idempotent=True)).info

    async def exists(self, path: str) -> bool:
        """Returns whether an object exists. Raises `NotFoundError` if the repository or the ref does not exist."""
        try:
            await self.stat(path)
        except errors.NotFoundError as error:
            if error.reason == "OBJECT_NOT_FOUND":
                return False
            raise
        return True

    def open_read(self, path: str, offset: int = 0, limit: int = 0, if_match: str = "", *, if_none_match: str = "") -> Download:
        """Streams the bytes of an object. A negative `offset` counts from the end; without `limit`, everything after it is read.

        The download resumes after a lost connection. If the object has been replaced, it raises `ConflictError`. It also does so if
        the etag of the object is not `if_match`, or if it is `if_none_match`.
        """
        request = v1.ReadRequest(
            **self._at(),
            path=path,
            read_offset=offset,
            read_limit=limit,
            if_match=if_match,
            if_none_match=if_none_match,
        )
        return Download(self._channel, request)

    async def read(self, path: str, offset: int = 0, limit: int = 0, if_match: str = "") -> bytes:
        """Reads an object, or a part of it."""
        return b"".join([view async for view in self.open_read(path, offset, limit, if_match).views()])

    async def read_ranges(self, path: str, ranges: Sequence[tuple[int, int]]) -> Contents:
        """Reads ranges of an object, given as offset and length. Returns the bytes of each range, or its error, in the same order.

        All bytes are from one version of the object. The ranges must not overlap.
        """
        request = v1.ReadRequest(
            **self._at(), path=path, ranges=[v1.ReadRange(read_offset=start, read_limit=size) for start, size in ranges]
        )
        pieces: list[list[memoryview]] = [[] for _ in ranges]
        failed: dict[int, errors.LakeportError] = {}
        async for message, data in self._channel.stream(lambda to: to.read(request, **to.long), idempotent=True):
            if message.HasField("range_status"):
                failed[message.range_index] = errors.of_status(message.range_status)
            elif data:
                pieces[message.range_index].append(data)
        return [failed.get(index) or b"".join(found) for index, found in enumerate(pieces)]

    async def write(
        self,
        path: str,
        data: Data,
        *,
        content_type: str = "",
        metadata: Mapping[str, str] | None = None,
        create_only: bool = False,
        write_id: str = "",
        size: int | None = None,
    ) -> v1.FileInfo:
        """Stores an object: bytes, a file, or an iterable of bytes, which may be asynchronous.

        A failed write is not visible. With `size`, data of another length is an error. With `create_only`, an existing object is
        never replaced; `write_id`, unique for each write, is the idempotency key of such a write.
        """
        header = v1.WriteRequest(
            **self._at(),
            path=path,
            content_type=content_type,
            metadata=metadata or {},
            if_none_match="*" if create_only else "",
            write_id=write_id,
        )
        if size is None and isinstance(data, bytes | bytearray | memoryview):
            size = memoryview(data).nbytes
        if size is not None:
            header.size_bytes = size
        again = rewind(data)

        async def upload(to: Stubs) -> v1.WriteResponse:
            # An upload of one message has the timeout of a call with a single response. The server then names the side that did
            # not respond.
            call = to.write(**(to.once if size is not None and size <= CHUNK else to.long))
            try:
                await self._send(call, messages(copy.deepcopy(header), data))
                return await self._channel.respond(call, Progress())
            finally:
                # Without its last message, the upload publishes nothing. After the end of the call, this has no effect.
                call.cancel()

        try:
            return (await self._channel.ask(upload, again)).info
        except errors.UnavailableError as error:
            # gRPC reports INTERNAL for a write after the server's response, and loses the response (grpc/grpc#36066).
            if error.reason is not None or error.code is not grpc.StatusCode.INTERNAL:
                raise
            raise await self._refusal(header) or error from None

    async def _send(
        self, call: aio.StreamUnaryCall[WriteFrame, v1.WriteResponse], pieces: AsyncGenerator[WriteFrame, None]
    ) -> None:
        async with contextlib.aclosing(pieces):
            async for piece in pieces:
                try:
                    await self._channel.respond(call.write(piece), Progress())
                except (grpc.RpcError, asyncio.InvalidStateError):
                    # The server has already sent its response, which contains the reason.
                    return
        await call.done_writing()

    async def _refusal(self, header: v1.WriteRequest) -> errors.LakeportError | None:
        """Returns the error for an upload with this header, or None if the server accepts it.

        The upload ends without its last message, so it changes nothing.
        """

        async def begin(to: Stubs) -> None:
            call = to.write(**to.long)
            response = asyncio.ensure_future(call)
            try:
                # Wait before sending: if the server rejects the call anyway, a message after its response would lose that response.
                await asyncio.wait([response], timeout=_REFUSAL_UNSENT)
                if not response.done():
                    await call.write(WriteFrame(header, memoryview(b"")))
                    await asyncio.wait([response], timeout=_REFUSAL)
                if response.done():
                    await response
            finally:
                response.cancel()
                call.cancel()

        for _ in range(_REFUSAL_ATTEMPTS):
            try:
                await self._channel.ask(begin)
            except errors.LakeportError as error:
                if error.reason is not None:
                    return error
                # gRPC can lose the response again.
            else:
                return None
        return None

    async def list_pages(
        self,
        prefix: str = "",
        *,
        delimiter: str = "",
        match_glob: str = "",
        max_depth: int = 0,
        limit: int = 0,
    ) -> AsyncGenerator[v1.ListResponse, None]:
        """Like `list`, but yields the pages that the server sends."""
        request = v1.ListRequest(
            **self._at(), prefix=prefix, delimiter=delimiter, match_glob=match_glob, max_depth=max_depth, limit=limit
        )
        async with contextlib.aclosing(
            self._channel.stream(lambda to: to.files.List(request, **to.long), idempotent=True)
        ) as pages:
            async for page in pages:
                yield page

    async def list(
        self,
        prefix: str = "",
        *,
        delimiter: str = "",
        match_glob: str = "",
        max_depth: int = 0,
        limit: int = 0,
    ) -> AsyncGenerator[v1.FileInfo, None]:
        """Yields the objects with a prefix, in the order of their bytes. A delimiter folds paths into common prefixes."""
        how = {"delimiter": delimiter, "match_glob": match_glob}
        async with contextlib.aclosing(self.list_pages(prefix, **how, max_depth=max_depth, limit=limit)) as pages:
            async for page in pages:
                for entry in page.entries:
                    yield entry

    async def delete(self, path: str, *, recursive: bool = False, allow_missing: bool = False) -> int:
        """Deletes an object and, with `recursive`, everything below it. Returns the number of deleted objects."""
        request = v1.DeleteRequest(**self._at(), path=path, recursive=recursive, allow_missing=allow_missing)
        return await self._deleted(request)

    async def delete_many(self, paths: Sequence[str], *, allow_missing: bool = False) -> int:
        """Deletes objects. Returns the number of deleted objects."""
        gone = 0
        for start in range(0, len(paths), _BATCH):
            part = paths[start : start + _BATCH]
            gone += await self._deleted(v1.DeleteRequest(**self._at(), paths=part, allow_missing=allow_missing))
        return gone

    async def _deleted(self, request: v1.DeleteRequest) -> int:
        gone, failures = 0, list[v1.PathStatus]()
        with _partial(failures):
            async for message in self._channel.stream(lambda to: to.files.Delete(request, **to.long)):
                gone = message.deleted_count
                failures.extend(message.failures)
        return gone

    async def copy(
        self, source: str, path: str, *, recursive: bool = False, source_ref: str = "", source_repository: str = ""
    ) -> Paths:
        """Copies an object on the server and, with `recursive`, everything below it. Returns the paths of the copies."""
        request = v1.CopyRequest(
            **self._at(),
            path=path,
            source_path=source,
            recursive=recursive,
            source_ref=source_ref,
            source_repository=source_repository,
        )
        return await _moved(self._channel.stream(lambda to: to.files.Copy(request, **to.long)))

    async def move(self, source: str, path: str, *, recursive: bool = False) -> Paths:
        """Moves an object on the server and, with `recursive`, everything below it. Returns the new paths."""
        request = v1.MoveRequest(**self._at(), path=path, source_path=source, recursive=recursive)
        return await _moved(self._channel.stream(lambda to: to.files.Move(request, **to.long)))

    async def stat_many(self, paths: Sequence[str]) -> Stats:
        """Returns the metadata of each object, or its error, in the order of the paths."""
        found = dict[int, Stat]()
        for start in range(0, len(paths), _BATCH):
            async for page in self._batch_stat(paths[start : start + _BATCH]):
                for item in page.items:
                    found[start + item.index] = errors.of_status(item.status) if item.status.code else item.info
        return _in_order(found, len(paths))

    async def read_many(self, paths: Sequence[str]) -> Contents:
        """Reads small objects of at most 3 MiB each. Returns the bytes of each object, or its error, in the order of the paths."""
        found = dict[int, "bytes | errors.LakeportError"]()
        for start in range(0, len(paths), _BATCH):
            async for page in self._batch_read(paths[start : start + _BATCH]):
                for item in page.items:
                    found[start + item.index] = errors.of_status(item.status) if item.status.code else item.data
        return _in_order(found, len(paths))

    def _batch_stat(self, paths: Sequence[str]) -> AsyncIterator[v1.BatchStatResponse]:
        request = v1.BatchStatRequest(**self._at(), paths=paths)
        return self._channel.stream(lambda to: to.files.BatchStat(request, **to.long), idempotent=True)

    def _batch_read(self, paths: Sequence[str]) -> AsyncIterator[v1.BatchReadResponse]:
        request = v1.BatchReadRequest(**self._at(), paths=paths)
        return self._channel.stream(lambda to: to.files.BatchRead(request, **to.long), idempotent=True)

    async def write_many(self, objects: Mapping[str, bytes], *, create_only: bool = False) -> Stats:
        """Stores objects. Returns the metadata of each object, or its error, in order. Only a transaction makes this atomic."""
        condition = "*" if create_only else ""

        async def part(batch: Paths) -> Stats:
            if len(batch) == 1:
                return [await self._written(batch[0], objects[batch[0]], create_only=create_only)]
            items = [v1.BatchWriteItem(path=path, data=bytes(objects[path]), if_none_match=condition) for path in batch]
            request = v1.BatchWriteRequest(**self._at(), items=items)
            response = await self._channel.ask(lambda to: to.files.BatchWrite(request, **to.once))
            return [
                errors.of_status(found.status, path) if found.status.code else found.info
                for path, found in zip(batch, response.results, strict=True)
            ]

        parts = await gather_limited((part(batch) for batch in _batches(objects)), _CONCURRENCY)
        return [found for answers in parts for found in answers]

    async def _written(self, path: str, data: bytes, *, create_only: bool) -> Stat:
        try:
            return await self.write(path, data, create_only=create_only)
        except errors.LakeportError as error:
            return error

    async def set_metadata(self, path: str, metadata: Mapping[str, str]) -> None:
        """Replaces the user metadata of an object."""
        request = v1.SetMetadataRequest(**self._at(), path=path, metadata=metadata)
        await self._channel.ask(lambda to: to.files.SetMetadata(request, **to.once))

    async def presign(self, path: str) -> str:
        """Returns a URL to read an object without credentials. Raises `UnsupportedError` if the object store cannot sign URLs."""
        request = v1.PresignRequest(**self._at(), path=path)
        return (await self._channel.ask(lambda to: to.files.Presign(request, **to.once), idempotent=True)).url


async def _moved(pages: AsyncIterator[v1.CopyResponse] | AsyncIterator[v1.MoveResponse]) -> list[str]:
    paths, failures = list[str](), list[v1.PathStatus]()
    with _partial(failures):
        async for page in pages:
            paths.extend(page.paths)
            failures.extend(page.failures)
    return paths


@contextlib.contextmanager
def _partial(failures: list[v1.PathStatus]) -> Iterator[None]:
    """Raises the error of the first failed path instead of `PARTIAL_FAILURE`, which only counts them."""
    try:
        yield
    except errors.LakeportError as partial:
        if partial.reason != "PARTIAL_FAILURE" or not failures:
            raise
        error = errors.of_status(failures[0].status)
        error.strerror = f"{failures[0].path}: {error.strerror}"
        if len(failures) > 1:
            error.strerror += f" (and {len(failures) - 1} more failed)"
        raise error from None


def _in_order(found: dict[int, T], expected: int) -> list[T]:
    if len(found) != expected:
        message = f"the server responded for {len(found)} of {expected} items"
        raise errors.CorruptError(message)
    return [found[index] for index in range(expected)]


def _batches(objects: Mapping[str, bytes]) -> Iterable[list[str]]:
    """Yields the paths of each batch: as many as fit into one message, or a single object that is too large for any batch."""
    batch, size = list[str](), 0
    for path, data in objects.items():
        weight = len(data) + len(path.encode()) + 32
        if batch and (len(batch) == _BATCH or size + weight > _BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(path)
        size += weight
    if batch:
        yield batch
