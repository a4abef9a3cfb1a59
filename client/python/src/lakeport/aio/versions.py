"""Repositories, branches, tags and commits, and operations on them."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from lakeport.aio.channel import Channel
from lakeport.v1 import changes_pb2
from lakeport.v1 import versions_pb2 as v1
from lakeport.v1.transactions_pb2 import MERGE_STRATEGY_UNSPECIFIED, MergeStrategy

if TYPE_CHECKING:
    import datetime
    from collections.abc import AsyncIterator, Mapping, Sequence

_PAGE = 1000
"""Number of names in a page of a listing."""


def _request_id() -> str:
    """Returns a new idempotency key. With it, a retry of a call whose response was lost returns the result of the first attempt."""
    return secrets.token_hex(16)


class Versions:
    """Repositories, branches, tags and commits."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel

    async def repositories(self, prefix: str = "") -> AsyncIterator[v1.Repository]:
        """Yields the repositories whose names have a prefix."""
        request = v1.ListRepositoriesRequest(prefix=prefix, page_size=_PAGE)
        while True:
            page = await self._channel.ask(lambda to: to.versions.ListRepositories(request, **to.once), idempotent=True)
            for found in page.repositories:
                yield found
            request.page_token = page.next_page_token
            if not request.page_token:
                return

    async def repository(self, repository: str) -> v1.Repository:
        """Returns a repository."""
        request = v1.GetRepositoryRequest(repository=repository)
        return (await self._channel.ask(lambda to: to.versions.GetRepository(request, **to.once), idempotent=True)).repository

    async def create_repository(
        self, repository: str, storage_namespace: str = "", *, default_branch: str = "", read_only: bool = False
    ) -> v1.Repository:
        """Creates a repository. The embedded lake chooses the storage namespace itself."""
        request = v1.CreateRepositoryRequest(
            request_id=_request_id(),
            repository=repository,
            storage_namespace=storage_namespace,
            default_branch=default_branch,
            read_only=read_only,
        )
        return (await self._channel.ask(lambda to: to.versions.CreateRepository(request, **to.once), idempotent=True)).repository

    async def delete_repository(self, repository: str) -> None:
        """Deletes a repository and everything in it."""
        request = v1.DeleteRepositoryRequest(request_id=_request_id(), repository=repository)
        await self._channel.ask(lambda to: to.versions.DeleteRepository(request, **to.once), idempotent=True)

    async def branches(self, repository: str, prefix: str = "") -> AsyncIterator[v1.Branch]:
        """Yields the branches whose names have a prefix, without those of transactions."""
        request = v1.ListBranchesRequest(repository=repository, prefix=prefix, page_size=_PAGE)
        while True:
            page = await self._channel.ask(lambda to: to.versions.ListBranches(request, **to.once), idempotent=True)
            for found in page.branches:
                yield found
            request.page_token = page.next_page_token
            if not request.page_token:
                return

    async def branch(self, repository: str, branch: str) -> v1.Branch:
        """Returns a branch."""
        request = v1.GetBranchRequest(repository=repository, branch=branch)
        return (await self._channel.ask(lambda to: to.versions.GetBranch(request, **to.once), idempotent=True)).branch

    async def create_branch(self, repository: str, branch: str, source: str) -> v1.Branch:
        """Creates a branch from a ref."""
        request = v1.CreateBranchRequest(request_id=_request_id(), repository=repository, ref=source, branch=branch)
        return (await self._channel.ask(lambda to: to.versions.CreateBranch(request, **to.once), idempotent=True)).branch

    async def delete_branch(self, repository: str, branch: str) -> None:
        """Deletes a branch."""
        request = v1.DeleteBranchRequest(request_id=_request_id(), repository=repository, branch=branch)
        await self._channel.ask(lambda to: to.versions.DeleteBranch(request, **to.once), idempotent=True)

    async def tags(self, repository: str, prefix: str = "") -> AsyncIterator[v1.Tag]:
        """Yields the tags whose names have a prefix."""
        request = v1.ListTagsRequest(repository=repository, prefix=prefix, page_size=_PAGE)
        while True:
            page = await self._channel.ask(lambda to: to.versions.ListTags(request, **to.once), idempotent=True)
            for found in page.tags:
                yield found
            request.page_token = page.next_page_token
            if not request.page_token:
                return

    async def tag(self, repository: str, tag: str) -> v1.Tag:
        """Returns a tag."""
        request = v1.GetTagRequest(repository=repository, tag=tag)
        return (await self._channel.ask(lambda to: to.versions.GetTag(request, **to.once), idempotent=True)).tag

    async def create_tag(self, repository: str, tag: str, ref: str) -> v1.Tag:
        """Creates a tag for the commit of a ref."""
        request = v1.CreateTagRequest(request_id=_request_id(), repository=repository, ref=ref, tag=tag)
        return (await self._channel.ask(lambda to: to.versions.CreateTag(request, **to.once), idempotent=True)).tag

    async def delete_tag(self, repository: str, tag: str) -> None:
        """Deletes a tag."""
        request = v1.DeleteTagRequest(request_id=_request_id(), repository=repository, tag=tag)
        await self._channel.ask(lambda to: to.versions.DeleteTag(request, **to.once), idempotent=True)

    async def create_commit(
        self,
        repository: str,
        branch: str,
        message: str,
        *,
        metadata: Mapping[str, str] | None = None,
        allow_empty: bool = False,
    ) -> v1.Commit:
        """Commits the uncommitted changes of a branch."""
        request = v1.CreateCommitRequest(
            request_id=_request_id(),
            repository=repository,
            ref=branch,
            message=message,
            metadata=metadata or {},
            allow_empty=allow_empty,
        )
        return (await self._channel.ask(lambda to: to.versions.CreateCommit(request, **to.once), idempotent=True)).commit

    async def commit(self, repository: str, ref: str) -> v1.Commit:
        """Returns the commit that a ref names."""
        request = v1.GetCommitRequest(repository=repository, ref=ref)
        return (await self._channel.ask(lambda to: to.versions.GetCommit(request, **to.once), idempotent=True)).commit

    async def log(
        self,
        repository: str,
        ref: str,
        *,
        limit: int = 0,
        first_parent: bool = False,
        paths: Sequence[str] = (),
        prefixes: Sequence[str] = (),
        since: datetime.datetime | None = None,
        stop_at: str = "",
    ) -> AsyncIterator[v1.Commit]:
        """Yields the history of a ref, newest commit first."""
        request = v1.LogRequest(
            repository=repository,
            ref=ref,
            limit=limit,
            first_parent=first_parent,
            paths=paths,
            prefixes=prefixes,
            stop_at_ref=stop_at,
        )
        if since is not None:
            request.since.FromDatetime(since)
        async for page in self._channel.stream(lambda to: to.versions.Log(request, **to.long), idempotent=True):
            for commit in page.commits:
                yield commit

    async def diff(
        self,
        repository: str,
        left: str,
        right: str,
        *,
        prefix: str = "",
        mode: v1.DiffMode = v1.DIFF_MODE_UNSPECIFIED,
    ) -> AsyncIterator[changes_pb2.PathChange]:
        """Yields the differences between two refs, in the order of the paths' bytes."""
        request = v1.DiffRequest(repository=repository, ref=left, right_ref=right, prefix=prefix, mode=mode)
        async for page in self._channel.stream(lambda to: to.versions.Diff(request, **to.long), idempotent=True):
            for change in page.changes:
                yield change

    async def merge(
        self,
        repository: str,
        source: str,
        destination: str,
        message: str = "",
        *,
        metadata: Mapping[str, str] | None = None,
        strategy: MergeStrategy = MERGE_STRATEGY_UNSPECIFIED,
        squash: bool = False,
    ) -> str:
        """Merges a ref into a branch. Returns the ID of the merge commit."""
        request = v1.MergeRequest(
            request_id=_request_id(),
            repository=repository,
            ref=source,
            destination_branch=destination,
            message=message,
            metadata=metadata or {},
            strategy=strategy,
            squash=squash,
        )
        return (await self._channel.ask(lambda to: to.versions.Merge(request, **to.once), idempotent=True)).commit_id

    async def revert(
        self,
        repository: str,
        branch: str,
        ref: str,
        message: str = "",
        *,
        parent: int = 0,
        metadata: Mapping[str, str] | None = None,
    ) -> v1.Commit:
        """Reverts a commit on a branch. For the commit of a transaction, which is a merge, pass `parent=1`."""
        request = v1.RevertRequest(
            request_id=_request_id(),
            repository=repository,
            ref=ref,
            branch=branch,
            parent_number=parent,
            message=message,
            metadata=metadata or {},
        )
        return (await self._channel.ask(lambda to: to.versions.Revert(request, **to.once), idempotent=True)).commit

    async def cherry_pick(self, repository: str, branch: str, ref: str, *, parent: int = 0) -> v1.Commit:
        """Applies the changes of a commit to a branch."""
        request = v1.CherryPickRequest(
            request_id=_request_id(), repository=repository, ref=ref, branch=branch, parent_number=parent
        )
        return (await self._channel.ask(lambda to: to.versions.CherryPick(request, **to.once), idempotent=True)).commit

    async def reset(self, repository: str, branch: str, *, path: str = "", prefix: str = "", target: str = "") -> None:
        """Discards all or some uncommitted changes of a branch. With a target, sets the branch to that commit."""
        request = v1.ResetRequest(
            request_id=_request_id(), repository=repository, ref=branch, path=path, prefix=prefix, target_ref=target
        )
        await self._channel.ask(lambda to: to.versions.Reset(request, **to.once), idempotent=True)
