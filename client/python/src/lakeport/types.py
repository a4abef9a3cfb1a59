"""Types of parameters and results, with the names of `lakefs_spec.types`."""

from __future__ import annotations

from typing import Any, Literal, TypedDict

ObjectInfoData = TypedDict(
    "ObjectInfoData",
    {
        "name": str,
        "type": Literal["file", "directory"],
        "size": int,
        "checksum": str,
        "ETag": str,
        "content-type": str,
        "mtime": int,
        "metadata": dict[str, str],
        "commit": str,
    },
    total=False,
)
"""An entry of `info` and `ls`. Directories only have `name`, `type` and `size` (bytes); `commit` requires a commit ID as ref."""


class RequestConfig(TypedDict, total=False):
    """Request options of lakefs-spec. Only `request_timeout` is used, in seconds; `headers` and `request_auth` raise an error."""

    headers: dict[str, Any]
    content_type: str
    request_auth: str
    request_timeout: int | tuple[int, int]
    preload_content: bool
    return_http_data_only: bool


class MergeKwargs(TypedDict, total=False):
    """Options for merging a transaction into its base branch."""

    message: str
    """Message of the merge, and of the commit of changes that were not committed before."""
    metadata: dict[str, str]
    """Metadata of the same commits."""
    strategy: Literal["dest-wins", "source-wins"]
    """Side that wins for paths that both sides changed. By default, the merge fails."""
    force: bool
    """Not supported, raises `InvalidError`: a rejected merge cannot be forced."""
    allow_empty: bool
    """Not supported, raises `InvalidError`: without changes, there is no merge."""
    squash_merge: bool
    """Squash the transaction's side of the merge into one commit."""
