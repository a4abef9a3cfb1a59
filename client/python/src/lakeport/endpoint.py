"""Finds the address of the server: a running server, or a local server that the client starts for a lakeFS."""

from __future__ import annotations

import os
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from lakeport.errors import InvalidError
from lakeport.hints import hint
from lakeport.lakectl import Credentials, Lakectl

ENDPOINT = "LAKEPORT_ENDPOINT"
"""Environment variable with the address of the server, used if the program passes none."""

_NO_ADDRESS = f"""no lakeport server could be reached or started: no server address is configured. Use one of these:
  - host="grpc://HOST:50051" (grpcs:// with TLS), or {ENDPOINT}: a running lakeport server
  - host="https://LAKEFS" with a key pair, or ~/.lakectl.yaml, or LAKECTL_SERVER_ENDPOINT_URL: a lakeFS, for which the client
    starts a local lakeport server (pip install "lakeport[server]")
  - without a lakeFS: run `lakeport-server`, which starts with an embedded lake, and set {ENDPOINT}=grpc://127.0.0.1:50051"""


class NotConfiguredError(InvalidError):
    """The address of a server, or the key pair to start one, is not configured yet."""


@dataclass(frozen=True)
class Remote:
    """A running server."""

    target: str
    """Address in gRPC's format: `host:port`, or `unix:/path`."""
    is_encrypted: bool = False
    """Whether the server uses TLS."""

    def __str__(self) -> str:
        if self.target.startswith("unix:"):
            return self.target
        return f"grpcs://{self.target} (with TLS)" if self.is_encrypted else f"grpc://{self.target} (without TLS)"


@dataclass(frozen=True)
class Local:
    """A local server for a lakeFS, which the client starts on demand for the current user."""

    lakefs_url: str
    """URL of the lakeFS."""
    access_key_id: str
    secret_access_key: str
    root_certificates: bytes | None = None
    """CA certificates in PEM format, trusted for the lakeFS instead of those of the system."""

    def __repr__(self) -> str:
        return f"Local({self.lakefs_url!r}, …)"


def find(host: str | None, credentials: Credentials | None) -> tuple[Remote | Local, Credentials | None]:
    """Returns the server for a host, and the credentials to send to it.

    Without a host, uses `LAKEPORT_ENDPOINT`, else the lakeFS of lakectl's configuration. Without credentials, uses lakectl's.
    """
    # If both host and credentials are given, do not read lakectl's configuration, which may be invalid.
    known = Lakectl(None, None) if host and credentials else Lakectl.discover()
    credentials = credentials or known.credentials
    if host and (named := _lakeport(host)):
        return named, credentials
    if endpoint := os.environ.get(ENDPOINT):
        return _endpoint(endpoint), credentials
    url = host or known.url
    if url is None:
        raise NotConfiguredError(_NO_ADDRESS + hint())
    if credentials is None or credentials.pair is None:
        message = (
            f"no lakeport server could be reached or started: starting one for {url} requires a key pair: pass username and "
            f"password, configure ~/.lakectl.yaml, or set {ENDPOINT} to the address of a running server{hint()}"
        )
        raise NotConfiguredError(message)
    return Local(_lakefs(url), *credentials.pair), credentials


def _split(url: str) -> tuple[SplitResult, int | None]:
    """Returns the parts of a URL, and its port. Raises `InvalidError` if the URL is malformed."""
    try:
        parts = urlsplit(url)
        return parts, parts.port
    except ValueError:
        message = f"{_redacted(url)!r} is not a URL: expected SCHEME://HOST:PORT"
        raise InvalidError(message) from None


def _redacted(url: str) -> str:
    """Returns a URL without the part before the host, which may be a secret."""
    _, separator, rest = url.rpartition("@")
    return f"…@{rest}" if separator else url


def _lakeport(url: str) -> Remote | None:
    """Returns the lakeport server that a URL names, or None if the URL is that of a lakeFS."""
    parts, _ = _split(url)
    if parts.scheme == "unix":
        if not parts.path.startswith("/"):
            message = f"{url!r} is not the address of a lakeport server: expected unix:/PATH"
            raise InvalidError(message)
        return Remote(f"unix:{parts.path}")
    if parts.scheme not in {"grpc", "grpcs"}:
        return None
    return _remote(url, is_encrypted=parts.scheme == "grpcs")


def _endpoint(url: str) -> Remote:
    """Parses `LAKEPORT_ENDPOINT`. The lakeport command line reads it too, where `http` is a lakeport server without TLS."""
    found = _lakeport(url)
    if found is not None:
        return found
    scheme = _split(url)[0].scheme
    if scheme not in {"http", "https"}:
        message = (
            f"{ENDPOINT}={_redacted(url)!r} is not the URL of a lakeport server: expected grpc://HOST:PORT, or grpcs:// for TLS"
        )
        raise InvalidError(message)
    return _remote(url, is_encrypted=scheme == "https")


def _remote(url: str, *, is_encrypted: bool) -> Remote:
    parts, port = _split(url)
    if not parts.hostname or parts.path.strip("/") or parts.username:
        message = f"{_redacted(url)!r} is not the URL of a lakeport server: expected grpc://HOST:PORT, or grpcs:// for TLS"
        raise InvalidError(message)
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return Remote(f"{host}:{port or (443 if is_encrypted else 50051)}", is_encrypted)


def _lakefs(url: str) -> str:
    """Returns the base URL of a lakeFS. The scheme is optional, and the path of the API is removed."""
    url = url if "://" in url else f"http://{url}"
    scheme, separator, rest = url.partition("://")
    url = f"{scheme.lower()}{separator}{rest}"
    parts, _ = _split(url)
    if parts.username is not None:
        message = f"{_redacted(url)!r} contains credentials: pass them as username and password"
        raise InvalidError(message)
    if parts.scheme not in {"http", "https"}:
        message = f"host={url!r} is neither the URL of a lakeport server (grpc://, grpcs://) nor of a lakeFS (http://, https://)"
        raise InvalidError(message)
    return url.rstrip("/").removesuffix("/api/v1")
