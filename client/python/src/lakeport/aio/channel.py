"""The connection to a server: the channel, retries, and the metadata and deadline of each call."""

from __future__ import annotations

import asyncio
import copy
import math
import os
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar, cast

import grpc
from grpc import aio

from lakeport import errors, forks, local
from lakeport.aio import frames
from lakeport.endpoint import Local, Remote
from lakeport.v1 import files_pb2, files_pb2_grpc, transactions_pb2_grpc, versions_pb2_grpc

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator

    from lakeport.lakectl import Credentials

T = TypeVar("T")

_OPTIONS = [
    # Responses carry at most 2 MiB of data, and requests a little less than gRPC's default limit.
    ("grpc.max_receive_message_length", 8 << 20),
    # A dead connection is detected within a minute.
    ("grpc.keepalive_time_ms", 40_000),
    ("grpc.keepalive_timeout_ms", 15_000),
    # The next attempt of a call reaches a restarted server, not an attempt seconds later.
    ("grpc.initial_reconnect_backoff_ms", 100),
    # Larger frames need fewer system calls on the server for the same bytes.
    ("grpc.http2.max_frame_size", 1 << 20),
    ("grpc.primary_user_agent", "lakeport-python/0.1.0"),
    # Channels with the same options would share a connection, but closing a channel before a fork must close its connection.
    ("grpc.use_local_subchannel_pool", 1),
]
_QUIET = 60.0
"""Seconds without a call after which the client checks that a local server still runs. Far below the server's idle timeout."""
_REFUSALS = 20
"""Maximum number of retries of a call that the server rejected because of overload."""
_LOSSES = 2
"""Maximum number of retries of an idempotent call after a lost connection or during a shutdown of the server."""
_IN_PROGRESS = 90
"""Seconds for which a call with a `request_id` is retried while an earlier attempt may still take effect."""
_PAUSE = 0.1
"""Seconds before a retry, unless the server specifies a delay."""


class Stubs:
    """The services of a server, and the common arguments of their calls."""

    def __init__(self, channel: aio.Channel, credentials: Credentials | None, timeout: float | None) -> None:
        metadata = [("authorization", credentials.authorization)] if credentials else []
        self.once: dict[str, Any] = {"metadata": metadata, "timeout": timeout}
        """Arguments of calls with a single response."""
        self.long: dict[str, Any] = {"metadata": metadata}
        """Arguments of calls without a deadline, which may last as long as data flows."""
        # These two calls carry object data, with their own serialisation.
        self.read = channel.unary_stream(
            "/lakeport.v1.FileService/Read",
            request_serializer=files_pb2.ReadRequest.SerializeToString,
            response_deserializer=frames.read,
        )
        self.write = channel.stream_unary(
            "/lakeport.v1.FileService/Write",
            request_serializer=frames.write,
            response_deserializer=files_pb2.WriteResponse.FromString,
        )
        self.files: files_pb2_grpc.FileServiceAsyncStub = files_pb2_grpc.FileServiceStub(channel)
        self.transactions: transactions_pb2_grpc.TransactionServiceAsyncStub = transactions_pb2_grpc.TransactionServiceStub(channel)
        self.versions: versions_pb2_grpc.VersionServiceAsyncStub = versions_pb2_grpc.VersionServiceStub(channel)

    def within(self, timeout: float | None) -> Stubs:
        """Returns the same services with another timeout of calls with a single response."""
        stubs = copy.copy(self)
        stubs.once = {**self.once, "timeout": timeout}
        return stubs


class Progress:
    """The time since the server last made progress. The time in which the caller uses a response does not count."""

    def __init__(self) -> None:
        self._since = time.monotonic()

    def made(self) -> None:
        """Records that the server made progress, or that the wait for it begins."""
        self._since = time.monotonic()

    def exclude(self, seconds: float) -> None:
        """Does not count a time in which the client did not wait for the server."""
        self._since += seconds

    def left(self, timeout: float | None) -> float | None:
        """Returns the seconds that the server has left, or None without a timeout."""
        return None if timeout is None else max(0.0, self._since + timeout - time.monotonic())


class _Tries:
    """Counts the failed attempts of a call."""

    def __init__(self, timeout: float | None, *, idempotent: bool) -> None:
        self._refusals = _REFUSALS
        self._losses = _LOSSES if idempotent else 0
        self._in_progress_until = time.monotonic() + _IN_PROGRESS
        self._until = time.monotonic() + (timeout or math.inf) / 2
        self._first: errors.LakeportError | None = None

    def has_another(self, error: errors.LakeportError) -> bool:
        """Returns whether the call is retried after this error."""
        if error.reason == "OVERLOADED":
            self._refusals -= 1
            return self._refusals >= 0
        if error.reason == "REQUEST_IN_PROGRESS":
            return time.monotonic() < self._in_progress_until
        if _is_lost(error):
            self._first = self._first or error
            self._losses -= 1
            # No retry after half of the timeout: the next attempt could take as long again.
            return self._losses >= 0 and time.monotonic() < self._until
        return False

    def told(self, error: errors.LakeportError) -> errors.LakeportError:
        """Returns the error to raise: the first of several losses, because gRPC's later errors only describe its last attempt."""
        return self._first if self._first is not None and _is_lost(error) else error


def _is_lost(error: errors.LakeportError) -> bool:
    """Returns whether no server responded, or only one that is shutting down."""
    return error.code is grpc.StatusCode.UNAVAILABLE and error.reason in {None, "SHUTTING_DOWN"}


class Channel:
    """A connection to a server. The first call opens it; the first call after a fork or on another event loop reopens it."""

    def __init__(
        self,
        server: Remote | Local,
        credentials: Credentials | None,
        timeout: float | None,
        root_certificates: bytes | None = None,
    ) -> None:
        self._server = server
        self._at = server if isinstance(server, Remote) else Remote("")
        self._credentials = credentials
        self._given = credentials
        self._timeout = timeout
        self._roots = root_certificates
        self._channel: aio.Channel | None = None
        self._stubs: Stubs | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._pid = 0
        self._last = 0.0
        self._active = 0
        self._looking: asyncio.Task[None] | None = None
        """Task that looks for the local server, shared by all calls that wait for it."""

    async def ask(
        self, call: Callable[[Stubs], Awaitable[T]], again: Callable[[], bool] = lambda: True, *, idempotent: bool = False
    ) -> T:
        """Returns the response of a call.

        A call that the server rejected because of overload had no effect, so it is retried if `again` returns true. An idempotent
        call is also retried after a lost connection. All attempts together end within the timeout.
        """
        tries, progress = _Tries(self._timeout, idempotent=idempotent), Progress()
        while True:
            stubs = await self._ready(progress)
            try:
                with self._calling():
                    return await call(stubs.within(progress.left(self._timeout)))
            except errors.LakeportError as error:
                pause = error.retry_delay or _PAUSE
                if self.is_over(progress, pause) or not tries.has_another(error) or not again():
                    raise tries.told(error) from None
                await asyncio.sleep(pause)

    def is_over(self, progress: Progress, pause: float) -> bool:
        """Returns whether the timeout ends before another attempt."""
        left = progress.left(self._timeout)
        return left is not None and left <= pause

    async def respond(self, response: Awaitable[T], progress: Progress) -> T:
        """Waits for the response of a call without a deadline, for as long as the server has left to make progress."""
        try:
            return await asyncio.wait_for(response, progress.left(self._timeout))
        except asyncio.TimeoutError:
            message = f"{self._server_name()} made no progress for {self._timeout} s"
            raise errors.TimedOutError(message) from None

    async def stream(
        self,
        call: Callable[[Stubs], aio.UnaryStreamCall[Any, T]],
        *,
        stalls: bool = True,
        idempotent: bool = False,
        progress: Progress | None = None,
    ) -> AsyncGenerator[T, None]:
        """Yields the responses of a call as they arrive. Closing the iterator cancels the call.

        With `stalls`, raises `TimedOutError` if no response arrives within the timeout of a call with a single response. `progress`
        continues the time of an earlier stream. Retries like `ask`, as long as no response has arrived.
        """
        tries, began = _Tries(self._timeout, idempotent=idempotent), False
        progress = progress or Progress()
        while True:
            stubs = await self._ready(progress)
            try:
                with self._calling():
                    answers = call(stubs)
                    try:
                        while (message := await self._next(answers, progress if stalls else None)) is not None:
                            began = True
                            yield message
                            progress.made()
                    finally:
                        answers.cancel()
                return
            except errors.LakeportError as error:
                if began:
                    raise
                pause = error.retry_delay or _PAUSE
                if (stalls and self.is_over(progress, pause)) or not tries.has_another(error):
                    raise tries.told(error) from None
                await asyncio.sleep(pause)

    async def _next(self, answers: aio.UnaryStreamCall[Any, T], progress: Progress | None) -> T | None:
        found = await (answers.read() if progress is None else self.respond(answers.read(), progress))
        # gRPC marks the end of the stream with an object that is not a message.
        return None if found is aio.EOF else cast("T", found)

    @contextmanager
    def _calling(self) -> Iterator[None]:
        self._active += 1
        try:
            yield
        except aio.AioRpcError as error:
            told = errors.of_call(error, self._server_name())
            if _is_lost(told) or told.reason == "UNAUTHENTICATED":
                # The local server may have ended: the next call looks for it.
                self._last = 0.0
            raise self._with_source(told) from None
        finally:
            self._active -= 1
            self._last = time.monotonic() if self._last else 0.0

    def _with_source(self, error: errors.LakeportError) -> errors.LakeportError:
        """Adds the source of rejected credentials, or the address of a failing lakeFS, which the caller may not know."""
        given = self._given
        if error.reason == "UNAUTHENTICATED" and given is not None and given.found_in and given == self._credentials:
            error.strerror = f"{error.strerror}; the credentials are those of {given.found_in}"
        if error.reason in {"LAKEFS_UNAVAILABLE", "REFUSED_BY_LAKEFS"} and isinstance(self._server, Local):
            error.strerror = f"{error.strerror}; the lakeFS is {self._server.lakefs_url}"
        return error

    def _server_name(self) -> str:
        """Returns the name of the server for error messages."""
        if isinstance(self._server, Local):
            return f"the local lakeport server for {self._server.lakefs_url}"
        return f"the lakeport server at {self._server}"

    async def _ready(self, progress: Progress) -> Stubs:
        if isinstance(self._server, Local) and not self._is_connected():
            # The start of a local server has its own timeout.
            began = time.monotonic()
            await self._look(self._server)
            progress.exclude(time.monotonic() - began)
        if self._stubs is None or not self._is_open():
            forks.check()
            self._stubs = self._open()
        self._last = time.monotonic()
        return self._stubs

    def _is_connected(self) -> bool:
        """Returns whether the connection to the local server is open and was used recently. No check is needed then.

        gRPC would reconnect a lost connection to whichever process listens on the address now.
        """
        if self._channel is None or not self._is_open() or time.monotonic() - self._last > _QUIET:
            return False
        return self._channel.get_state() is grpc.ChannelConnectivity.READY

    async def _look(self, server: Local) -> None:
        """Looks for the local server. Concurrent calls share one search: a start may take long, and threads are limited."""
        looking, loop = self._looking, asyncio.get_running_loop()
        if looking is None or looking.done() or looking.get_loop() is not loop:

            async def look() -> None:
                await self._move(*await asyncio.to_thread(local.ensure, server))

            looking = self._looking = loop.create_task(look())
            # Retrieve the exception: all calls that wait for the task may have been cancelled.
            looking.add_done_callback(lambda task: task.cancelled() or task.exception())
        await asyncio.shield(looking)

    async def _move(self, at: Remote, shown: Credentials) -> None:
        if not self._active:
            # A new connection finds a restarted server immediately. The old connection would try again only after its backoff.
            await self._close()
        elif (at, shown) != (self._at, self._credentials):
            # In-flight calls end on their connection.
            self._channel, self._stubs = None, None
        self._at, self._credentials = at, shown

    def _is_open(self) -> bool:
        return self._stubs is not None and self._pid == os.getpid() and self._loop is asyncio.get_running_loop()

    def _open(self) -> Stubs:
        if self._at.is_encrypted:
            trusted = grpc.ssl_channel_credentials(root_certificates=self._roots)
            self._channel = aio.secure_channel(self._at.target, trusted, options=_OPTIONS)
        else:
            # By default, gRPC uses the path of the socket as the authority, which is not a valid name.
            named = [("grpc.default_authority", "localhost")] if self._at.target.startswith("unix:") else []
            self._channel = aio.insecure_channel(self._at.target, options=[*_OPTIONS, *named])
        self._loop, self._pid = asyncio.get_running_loop(), os.getpid()
        forks.close_before(self)
        return Stubs(self._channel, self._credentials, self._timeout)

    async def _close(self) -> None:
        is_mine = self._is_open()
        channel, self._channel, self._stubs = self._channel, None, None
        if channel is not None and is_mine:
            await channel.close(None)

    def close_before_fork(self) -> bool:
        """Closes the connection, which the next call reopens. Returns False if calls are in flight or the close failed."""
        if self._loop is None or self._stubs is None or self._pid != os.getpid():
            return True
        if self._loop.is_closed():
            self._channel, self._stubs = None, None
            return True
        return not self._active and forks.run(self._loop, self._close)

    async def close(self) -> None:
        """Closes the connection. The next call reopens it."""
        await self._close()
