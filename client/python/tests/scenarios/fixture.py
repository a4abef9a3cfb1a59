"""The server fixture of the scenarios. See `tests/clients/README.md` in the repository."""

from __future__ import annotations

import json
import urllib.request
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Sandbox:
    """A server of its own for one scenario, behind a proxy with faults."""

    url: str
    """URL of this sandbox in the control API."""
    address: str
    repository: str
    key: str
    secret: str

    @classmethod
    def open(cls, fixture: str, settings: dict[str, Any]) -> Sandbox:
        made = _call("POST", f"{fixture}/sandboxes", settings)
        url = f"{fixture}/sandboxes/{made['id']}"
        return cls(url, made["address"], made["repository"], made["access_key_id"], made["secret_access_key"])

    def close(self) -> None:
        _call("DELETE", self.url)

    def arm(self, fault: dict[str, Any]) -> None:
        _call("POST", f"{self.url}/faults", fault)

    def clear_faults(self) -> None:
        _call("DELETE", f"{self.url}/faults")

    def calls(self) -> dict[str, Any]:
        return dict(_call("GET", f"{self.url}/calls"))

    def restart(self, down_ms: int) -> None:
        _call("POST", f"{self.url}/restart", {"down_ms": down_ms})


def _call(method: str, url: str, body: object = None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"content-type": "application/json"}, method=method)
    with urllib.request.urlopen(request, timeout=60) as response:
        text = response.read()
    return json.loads(text) if text else {}
