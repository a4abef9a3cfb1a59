"""A TLS proxy in front of a server, like a load balancer or an ingress."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

import trustme

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True)
class Encrypted:
    """A running TLS proxy."""

    url: str
    authority: trustme.CA
    """Certificate authority of the proxy's certificate."""


@contextlib.contextmanager
def encrypted(url: str, protocol: str = "h2") -> Iterator[Encrypted]:
    """Runs a TLS proxy on a free port for the server of a URL."""
    scheme, address = url.split("://")
    host, port = address.split(":")
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_alpn_protocols([protocol])
    authority.issue_cert("localhost").configure_cert(context)
    listener = socket.create_server(("127.0.0.1", 0))
    loop, finished = asyncio.new_event_loop(), asyncio.Event()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        to_reader, to_writer = await asyncio.open_connection(host, int(port))
        await asyncio.gather(_pass_on(reader, to_writer), _pass_on(to_reader, writer))

    async def serve() -> None:
        await asyncio.start_server(connected, sock=listener, ssl=context)
        await finished.wait()
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    yield Encrypted(f"{scheme}s://localhost:{listener.getsockname()[1]}", authority)
    loop.call_soon_threadsafe(finished.set)
    thread.join()
    loop.run_until_complete(asyncio.sleep(0.1))
    loop.close()


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        with contextlib.suppress(OSError):
            while data := await reader.read(1 << 16):
                writer.write(data)
                await writer.drain()
    finally:
        writer.close()
