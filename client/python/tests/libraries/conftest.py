"""Fixtures of the library tests: a server that libraries find by the environment."""

from __future__ import annotations

from typing import Any

import pytest


@pytest.fixture(autouse=True)
def _endpoint(_no_configuration: None, server: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sets the address as users do: `pd.read_parquet("lakefs://repo/main/x.parquet")` needs no options."""
    monkeypatch.setenv("LAKEPORT_ENDPOINT", server.url)


@pytest.fixture
def url(repo: str) -> str:
    """URL of the branch to which the tests write."""
    return f"lakefs://{repo}/main"
