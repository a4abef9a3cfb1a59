"""What the tests of libraries share: a server that they find by themselves."""

from __future__ import annotations

from typing import Any

import pytest


@pytest.fixture(autouse=True)
def _endpoint(_no_configuration: None, server: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """As users have it: `pd.read_parquet("lakefs://repo/main/x.parquet")`, and no options."""
    monkeypatch.setenv("LAKEPORT_ENDPOINT", server.url)


@pytest.fixture
def url(repo: str) -> str:
    """Of the branch that the tests write to."""
    return f"lakefs://{repo}/main"
