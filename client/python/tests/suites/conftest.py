"""What the suites of other projects take for granted."""

from __future__ import annotations

import pytest

_MARKERS = ["azure", "gcs", "gzip", "hdfs", "numpy", "pandas", "processes", "s3", "threading"]
"""Of pyarrow's cases, which may not be imported without them."""


def pytest_configure(config: pytest.Config) -> None:
    for name in _MARKERS:
        config.addinivalue_line("markers", f"{name}: of pyarrow's own tests")
