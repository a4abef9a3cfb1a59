"""Hints in errors for users of lakefs-spec, which handles the same URLs."""

from __future__ import annotations

import importlib.util

VARIABLE = "LAKEPORT_LAKEFS_PROTOCOL"
"""Environment variable with the package for `lakefs://` URLs: `lakeport` (the default) or `lakefs-spec`."""


def has_lakefs_spec() -> bool:
    """Returns whether lakefs-spec is installed."""
    return importlib.util.find_spec("lakefs_spec") is not None


def hint() -> str:
    """Returns a sentence for errors without a lakeport server: how to use lakefs-spec, if it is installed."""
    if not has_lakefs_spec():
        return ""
    return (
        f". lakefs-spec is also installed: to use it for lakefs:// URLs, set {VARIABLE}=lakefs-spec, or call "
        'fsspec.register_implementation("lakefs", lakefs_spec.LakeFSFileSystem, clobber=True)'
    )
