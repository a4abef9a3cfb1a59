"""Configuration that the test suites of other projects require."""

from __future__ import annotations

import pytest

_MARKERS = ["azure", "gcs", "gzip", "hdfs", "numpy", "pandas", "processes", "s3", "threading"]
"""Markers of pyarrow's tests, which can only be imported if the markers are registered."""


def pytest_configure(config: pytest.Config) -> None:
    for name in _MARKERS:
        config.addinivalue_line("markers", f"{name}: marker of pyarrow's own tests")
