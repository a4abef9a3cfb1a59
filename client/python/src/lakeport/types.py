"""The shapes of what goes in and comes out, under the names of `lakefs_spec.types`."""

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
"""What `info` and `ls` say: `name`, `type`, `size` (bytes) always; the rest of objects; `commit` where the ref is a commit ID."""


class RequestConfig(TypedDict, total=False):
    """What lakefs-spec passes to lakeFS's SDK. Of these, `request_timeout` has a meaning here: seconds."""

    headers: dict[str, Any]
    content_type: str
    request_auth: str
    request_timeout: int | tuple[int, int]
    preload_content: bool
    return_http_data_only: bool


class MergeKwargs(TypedDict, total=False):
    """How a transaction is merged into its base branch."""

    message: str
    """Of the merge, and of the commit of what has none of its own."""
    metadata: dict[str, str]
    """Of the same."""
    strategy: Literal["dest-wins", "source-wins"]
    """What becomes of paths that both sides changed. Not given: the merge fails."""
    force: bool
    """Not to be had: a merge that is refused stays refused."""
    allow_empty: bool
    """Not to be had: what changes nothing makes no merge."""
    squash_merge: bool
    """One commit on the transaction's side of the merge."""
