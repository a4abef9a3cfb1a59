"""Where the server is: one that is named, or one that is started here for a lakeFS."""

from __future__ import annotations

import os
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from lakeport.errors import InvalidError
from lakeport.lakectl import Credentials, Lakectl

ENDPOINT = "LAKEPORT_ENDPOINT"
"""Names the server where the program does not."""

_NOWHERE = f"""there is no server to go to. One of these says where it is:
  - host="grpc://HOST:50051" (grpcs:// with TLS), or {ENDPOINT}: a lakeport that runs
  - host="https://LAKEFS" with a key pair, or ~/.lakectl.yaml, or LAKECTL_SERVER_ENDPOINT_URL: a lakeFS, for which a lakeport is
    started here (pip install "lakeport[server]")
  - no lakeFS yet: run `lakeport-server`, which has a lake of its own, and set {ENDPOINT}=grpc://127.0.0.1:50051"""


@dataclass(frozen=True)
class Remote:
    """A server that runs."""

    target: str
    """As gRPC names it: `host:port`, or `unix:/path`."""
    is_encrypted: bool = False
    """Whether TLS is spoken there."""

    def __str__(self) -> str:
        if self.target.startswith("unix:"):
            return self.target
        return f"grpcs://{self.target} (with TLS)" if self.is_encrypted else f"grpc://{self.target} (without TLS)"


@dataclass(frozen=True)
class Local:
    """A server of this user's, for a lakeFS, that is started when it is needed."""

    lakefs_url: str
    """Of that lakeFS."""
    access_key_id: str
    secret_access_key: str
    root_certificates: bytes | None = None
    """Authorities in PEM, trusted at that lakeFS instead of those of the system."""

    def __repr__(self) -> str:
        return f"Local({self.lakefs_url!r}, …)"


def find(host: str | None, credentials: Credentials | None) -> tuple[Remote | Local, Credentials | None]:
    """Where a host is, and whose credentials go there.

    Without a host: that of `LAKEPORT_ENDPOINT`, else the lakeFS that lakectl knows. Without credentials: lakectl's.
    """
    # What lakectl is told does not matter to who says both, nor whether it can be read.
    known = Lakectl(None, None) if host and credentials else Lakectl.discover()
    credentials = credentials or known.credentials
    if host and (named := _lakeport(host)):
        return named, credentials
    if endpoint := os.environ.get(ENDPOINT):
        return _endpoint(endpoint), credentials
    url = host or known.url
    if url is None:
        raise InvalidError(_NOWHERE)
    if credentials is None or credentials.pair is None:
        message = (
            f"a lakeport for {url} is started with a key pair: give username and password, or ~/.lakectl.yaml, "
            f"or name a server that runs by {ENDPOINT}"
        )
        raise InvalidError(message)
    return Local(_lakefs(url), *credentials.pair), credentials


def _split(url: str) -> tuple[SplitResult, int | None]:
    """A URL in its parts, and its port."""
    try:
        parts = urlsplit(url)
        return parts, parts.port
    except ValueError:
        message = f"{_shown(url)!r} is not a URL: it has to be SCHEME://HOST:PORT"
        raise InvalidError(message) from None


def _shown(url: str) -> str:
    """A URL without what stands before its host: that may be a secret."""
    _, separator, behind = url.rpartition("@")
    return f"…@{behind}" if separator else url


def _lakeport(url: str) -> Remote | None:
    """The lakeport of a URL; none where it is that of a lakeFS."""
    parts, _ = _split(url)
    if parts.scheme == "unix" and parts.path.startswith("/"):
        return Remote(f"unix:{parts.path}")
    if parts.scheme not in {"grpc", "grpcs"}:
        return None
    return _remote(url, is_encrypted=parts.scheme == "grpcs")


def _endpoint(url: str) -> Remote:
    """That of the variable, which lakeport's command line reads too: there `http` means a lakeport."""
    found = _lakeport(url)
    if found is not None:
        return found
    scheme = _split(url)[0].scheme
    if scheme not in {"http", "https"}:
        message = f"{ENDPOINT}={_shown(url)!r} is not the URL of a lakeport: it has to be grpc://HOST:PORT, or grpcs:// for TLS"
        raise InvalidError(message)
    return _remote(url, is_encrypted=scheme == "https")


def _remote(url: str, *, is_encrypted: bool) -> Remote:
    parts, port = _split(url)
    if not parts.hostname or parts.path.strip("/") or parts.username:
        message = f"{_shown(url)!r} is not the URL of a lakeport: it has to be grpc://HOST:PORT, or grpcs:// for TLS"
        raise InvalidError(message)
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return Remote(f"{host}:{port or (443 if is_encrypted else 50051)}", is_encrypted)


def _lakefs(url: str) -> str:
    """The URL of a lakeFS, which may come without its scheme and with the path of its API."""
    url = url if "://" in url else f"http://{url}"
    scheme, separator, rest = url.partition("://")
    url = f"{scheme.lower()}{separator}{rest}"
    parts, _ = _split(url)
    if parts.username is not None:
        message = f"{_shown(url)!r} has credentials in it: give them as username and password"
        raise InvalidError(message)
    if parts.scheme not in {"http", "https"}:
        message = f"host={url!r} is neither the URL of a lakeport (grpc://, grpcs://) nor that of a lakeFS (http://, https://)"
        raise InvalidError(message)
    return url.rstrip("/").removesuffix("/api/v1")
