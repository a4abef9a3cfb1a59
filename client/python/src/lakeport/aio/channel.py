"""The way to a server: one connection, and what each call takes along."""

from __future__ import annotations

import asyncio
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
    # Answers carry 2 MiB of bytes at most, requests a little less than gRPC's usual limit.
    ("grpc.max_receive_message_length", 8 << 20),
    # A connection that went away without a word is noticed within a minute.
    ("grpc.keepalive_time_ms", 40_000),
    ("grpc.keepalive_timeout_ms", 15_000),
    # A server that is back is found by the next try of a call, not by one of seconds later.
    ("grpc.initial_reconnect_backoff_ms", 100),
    # Larger frames cost the server less: fewer system calls for the same bytes.
    ("grpc.http2.max_frame_size", 1 << 20),
    ("grpc.primary_user_agent", "lakeport-python/0.1.0"),
    # Two of these with the same options would share one connection otherwise, and what a fork closes is to be closed.
    ("grpc.use_local_subchannel_pool", 1),
]
_QUIET = 60.0
"""Seconds without a call after which it is looked whether a local server is still there. Far below what it takes to leave."""
_REFUSALS = 20
"""How often a call is made again that the server had no place for."""
_LOSSES = 2
"""How often one that is idempotent is made again whose connection broke off, or that met a server that was leaving."""
_PAUSE = 0.1
"""Seconds before a call is made again, unless the server says another time."""


class Stubs:
    """The services of a server, and what calls of them take along."""

    def __init__(self, channel: aio.Channel, credentials: Credentials | None, timeout: float | None) -> None:
        metadata = [("authorization", credentials.authorization)] if credentials else []
        self.once: dict[str, Any] = {"metadata": metadata, "timeout": timeout}
        """For calls that answer once."""
        self.long: dict[str, Any] = {"metadata": metadata}
        """For calls that may last as long as they move."""
        # These two carry bytes.
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


class _Tries:
    """How often a call was made in vain."""

    def __init__(self, timeout: float | None, *, idempotent: bool) -> None:
        self._refusals = _REFUSALS
        self._losses = _LOSSES if idempotent else 0
        self._until = time.monotonic() + (timeout or math.inf) / 2
        self._first: errors.LakeportError | None = None

    def has_another(self, error: errors.LakeportError) -> bool:
        """Whether it is made again after that failure."""
        if error.reason == "OVERLOADED":
            self._refusals -= 1
            return self._refusals >= 0
        if _is_lost(error):
            self._first = self._first or error
            self._losses -= 1
            # Whoever waited for most of the time that a call has would wait for another.
            return self._losses >= 0 and time.monotonic() < self._until
        return False

    def told(self, error: errors.LakeportError) -> errors.LakeportError:
        """What is told in the end: of several losses the first. Of later ones gRPC says what it tried last, not what is wrong."""
        return self._first if self._first is not None and _is_lost(error) else error


def _is_lost(error: errors.LakeportError) -> bool:
    """Whether nobody answered, or nobody who stays."""
    return error.code is grpc.StatusCode.UNAVAILABLE and error.reason in {None, "SHUTTING_DOWN"}


class Channel:
    """A connection to a server, opened by the first call; again after a fork, and on another event loop."""

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
        """Looks for the local server, for all calls that wait for it."""

    async def ask(
        self, call: Callable[[Stubs], Awaitable[T]], again: Callable[[], bool] = lambda: True, *, idempotent: bool = False
    ) -> T:
        """The answer to a call.

        One that the server had no place for is made again, if `again` says so: nothing was done. One that is idempotent is made
        again where its connection broke off, too.
        """
        tries = _Tries(self._timeout, idempotent=idempotent)
        while True:
            stubs = await self._ready()
            try:
                with self._calling():
                    return await call(stubs)
            except errors.LakeportError as error:
                if not tries.has_another(error) or not again():
                    raise tries.told(error) from None
                await asyncio.sleep(error.retry_delay or _PAUSE)

    async def stream(
        self, call: Callable[[Stubs], aio.UnaryStreamCall[Any, T]], *, stalls: bool = False, idempotent: bool = False
    ) -> AsyncGenerator[T, None]:
        """The answers to a call, as they come. Whoever stops reading them ends the call.

        With `stalls`, no answer for as long as a call may take that answers once is a `TimedOutError`. A call is made again as by
        `ask`, as long as nothing of its answer came.
        """
        tries, began = _Tries(self._timeout, idempotent=idempotent), False
        while True:
            stubs = await self._ready()
            try:
                with self._calling():
                    answers = call(stubs)
                    try:
                        while (message := await self._next(answers, stalls=stalls)) is not None:
                            began = True
                            yield message
                    finally:
                        answers.cancel()
                return
            except errors.LakeportError as error:
                if began:
                    raise
                if not tries.has_another(error):
                    raise tries.told(error) from None
                await asyncio.sleep(error.retry_delay or _PAUSE)

    async def _next(self, answers: aio.UnaryStreamCall[Any, T], *, stalls: bool) -> T | None:
        try:
            found = await asyncio.wait_for(answers.read(), self._timeout if stalls else None)
        except asyncio.TimeoutError:
            message = f"the server sent nothing for {self._timeout} s"
            raise errors.TimedOutError(message) from None
        # gRPC's sign of the end is no message.
        return None if found is aio.EOF else cast("T", found)

    @contextmanager
    def _calling(self) -> Iterator[None]:
        self._active += 1
        try:
            yield
        except aio.AioRpcError as error:
            told = errors.of_call(error, self._whom())
            if _is_lost(told) or told.reason == "UNAUTHENTICATED":
                # A local server may be gone: the next call looks.
                self._last = 0.0
            raise self._with_what_was_found(told) from None
        finally:
            self._active -= 1
            self._last = time.monotonic() if self._last else 0.0

    def _with_what_was_found(self, error: errors.LakeportError) -> errors.LakeportError:
        """What the server refuses may not be what its caller knows to have said."""
        given = self._given
        if error.reason == "UNAUTHENTICATED" and given is not None and given.found_in and given == self._credentials:
            error.strerror = f"{error.strerror}; they are those of {given.found_in}"
        if error.reason in {"LAKEFS_UNAVAILABLE", "REFUSED_BY_LAKEFS"} and isinstance(self._server, Local):
            error.strerror = f"{error.strerror}; the lakeFS is {self._server.lakefs_url}"
        return error

    def _whom(self) -> str:
        """Who is called, for people."""
        if isinstance(self._server, Local):
            return f"the lakeport that runs here for {self._server.lakefs_url}"
        return f"the lakeport at {self._server}"

    async def _ready(self) -> Stubs:
        if isinstance(self._server, Local) and not self._is_surely_there():
            await self._look(self._server)
        if self._stubs is None or not self._is_open():
            forks.check()
            self._stubs = self._open()
        self._last = time.monotonic()
        return self._stubs

    def _is_surely_there(self) -> bool:
        """Whether the local server need not be looked for: the connection to it stands, and was used a moment ago.

        One that has broken off would be made again to whoever listens there by now.
        """
        if self._channel is None or not self._is_open() or time.monotonic() - self._last > _QUIET:
            return False
        return self._channel.get_state() is grpc.ChannelConnectivity.READY

    async def _look(self, server: Local) -> None:
        """Looks for the local server, or waits for who does already: a start may take long, and threads are few."""
        looking, loop = self._looking, asyncio.get_running_loop()
        if looking is None or looking.done() or looking.get_loop() is not loop:

            async def look() -> None:
                await self._move(*await asyncio.to_thread(local.ensure, server))

            looking = self._looking = loop.create_task(look())
            # Who is cancelled leaves it to the others, and perhaps to nobody.
            looking.add_done_callback(lambda task: task.cancelled() or task.exception())
        await asyncio.shield(looking)

    async def _move(self, at: Remote, shown: Credentials) -> None:
        if not self._active:
            # A server that left and came back is found at once by a new connection, by an old one after a pause.
            await self._close()
        elif (at, shown) != (self._at, self._credentials):
            # What is under way ends where it began.
            self._channel, self._stubs = None, None
        self._at, self._credentials = at, shown

    def _is_open(self) -> bool:
        return self._stubs is not None and self._pid == os.getpid() and self._loop is asyncio.get_running_loop()

    def _open(self) -> Stubs:
        if self._at.is_encrypted:
            trusted = grpc.ssl_channel_credentials(root_certificates=self._roots)
            self._channel = aio.secure_channel(self._at.target, trusted, options=_OPTIONS)
        else:
            # gRPC would name the server by the path of its socket, which is no name.
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
        """Closes the connection, which the next call opens again. False if calls are under way, or nobody can."""
        if self._loop is None or self._stubs is None or self._pid != os.getpid():
            return True
        if self._loop.is_closed():
            self._channel, self._stubs = None, None
            return True
        return not self._active and forks.run(self._loop, self._close)

    async def close(self) -> None:
        """Closes the connection. Another call opens it again."""
        await self._close()
