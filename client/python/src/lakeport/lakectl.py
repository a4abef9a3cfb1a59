"""Configuration of lakectl, which other lakeFS clients share: `~/.lakectl.yaml` and the variables `LAKECTL_*`."""

from __future__ import annotations

import base64
import os
from dataclasses import dataclass, field, replace
from pathlib import Path

import yaml

from lakeport.errors import InvalidError

_KEY = "LAKECTL_CREDENTIALS_ACCESS_KEY_ID"
_SECRET = "LAKECTL_CREDENTIALS_SECRET_ACCESS_KEY"  # noqa: S105  (the name of a variable)
_URL = "LAKECTL_SERVER_ENDPOINT_URL"
_FILE = "LAKECTL_CONFIG_FILE"


@dataclass(frozen=True)
class Credentials:
    """Credentials of a lakeFS user. The representation does not show them."""

    authorization: str
    """Value of the `authorization` header."""
    pair: tuple[str, str] | None = None
    """Access key ID and secret access key, if these are the credentials."""
    found_in: str = field(default="", compare=False)
    """Source of the credentials in lakectl's configuration; empty if the caller passed them."""

    def __repr__(self) -> str:
        return "Credentials(…)"

    @classmethod
    def key_pair(cls, access_key_id: str, secret_access_key: str) -> Credentials:
        """Creates credentials from an access key ID and a secret access key of lakeFS."""
        encoded = base64.b64encode(f"{access_key_id}:{secret_access_key}".encode()).decode()
        return cls(f"Basic {encoded}", (access_key_id, secret_access_key))

    @classmethod
    def token(cls, token: str, scheme: str = "Bearer") -> Credentials:
        """Creates credentials from a token of lakeFS's login."""
        return cls(f"{scheme} {token}")


@dataclass(frozen=True)
class Lakectl:
    """Values of lakectl's configuration."""

    url: str | None
    """URL of the lakeFS."""
    credentials: Credentials | None

    @classmethod
    def discover(cls) -> Lakectl:
        """Reads each value from its environment variable, else from the file, else sets it to None."""
        found = _file()
        server, pair = _section(found, "server"), _section(found, "credentials")
        url = os.environ.get(_URL) or server.get("endpoint_url")
        key = os.environ.get(_KEY) or pair.get("access_key_id")
        secret = os.environ.get(_SECRET) or pair.get("secret_access_key")
        if bool(key) != bool(secret):
            message = f"incomplete lakeFS key pair: set both {_KEY} and {_SECRET}, or neither"
            raise InvalidError(message)
        if not key or not secret:
            return cls(str(url) if url else None, None)
        sources = {name if os.environ.get(name) else str(_path()) for name in (_KEY, _SECRET)}
        found_in = " and ".join(sorted(sources))
        return cls(str(url) if url else None, replace(Credentials.key_pair(str(key), str(secret)), found_in=found_in))


def _section(found: object, name: str) -> dict[str, object]:
    section = found.get(name) if isinstance(found, dict) else None
    return section if isinstance(section, dict) else {}


def _path() -> Path:
    named = os.environ.get(_FILE)
    return Path(named).expanduser() if named else Path.home() / ".lakectl.yaml"


def _file() -> object:
    path = _path()
    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        if os.environ.get(_FILE):
            message = f"{_FILE} names {path}, which does not exist"
            raise InvalidError(message) from None
        return None
    except yaml.YAMLError:
        # The message of the parser quotes lines, which may contain the secret.
        message = f"{path} is not a valid configuration file of lakectl"
        raise InvalidError(message) from None
