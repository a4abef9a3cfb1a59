"""The operations of the scenarios, with this client."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
from typing import TYPE_CHECKING, Any, cast

from lakeport.aio import Client
from lakeport.aio.transaction import Transaction
from lakeport.errors import LakeportError
from lakeport.v1 import changes_pb2, files_pb2, transactions_pb2, versions_pb2
from scenarios.content import content, files, paths

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from lakeport.aio.files import Files

    Arguments = dict[str, Any]
    Steps = Callable[[list[Arguments]], Awaitable[None]]

Result = dict[str, Any]


class OwnError(Exception):
    """The error of a program inside a transaction."""


def file(info: files_pb2.FileInfo) -> Result:
    return {
        "path": info.path,
        "size": info.size_bytes,
        "etag": info.etag,
        "content_type": info.content_type,
        "metadata": dict(info.metadata),
    }


def transaction(state: transactions_pb2.Transaction) -> Result:
    return {
        "id": state.transaction_id,
        "state": transactions_pb2.TransactionState.Name(state.state).removeprefix("TRANSACTION_STATE_"),
        "merged": state.merged,
        "commit_id": state.commit_id,
        "base_commit_id": state.base_commit_id,
        "failed_tags": list(state.failed_tags),
        "labels": dict(state.labels),
    }


def commit(found: versions_pb2.Commit) -> Result:
    return {
        "id": found.commit_id,
        "message": found.message,
        "metadata": dict(found.metadata),
        "parents": list(found.parent_commit_ids),
    }


def _ref(found: versions_pb2.Branch | versions_pb2.Tag) -> Result:
    return {"name": found.name, "commit_id": found.commit_id}


def _item(found: object) -> Result:
    match found:
        case LakeportError():
            return {"reason": found.reason}
        case bytes():
            return {"content": found}
        case files_pb2.FileInfo():
            return file(found)
    raise TypeError(found)


async def _changes(found: AsyncIterator[changes_pb2.PathChange]) -> Result:
    kind = changes_pb2.PathChange.Kind.Name
    return {"changes": [{"path": each.path, "change": kind(each.kind).removeprefix("KIND_").lower()} async for each in found]}


def _span(milliseconds: int | None) -> datetime.timedelta | None:
    return None if milliseconds is None else datetime.timedelta(milliseconds=milliseconds)


def _strategy(arguments: Arguments) -> transactions_pb2.MergeStrategy:
    name = f"MERGE_STRATEGY_{arguments.get('strategy', 'UNSPECIFIED')}"
    return cast("transactions_pb2.MergeStrategy", transactions_pb2.MergeStrategy.Value(name))


def _some(arguments: Arguments, *names: str) -> Arguments:
    return {name: arguments[name] for name in names if name in arguments}


class Operations:
    """The operations of one client. Each is a method, with the arguments of a step."""

    def __init__(self, client: Client, repository: str, steps: Steps, variables: dict[str, Any]) -> None:
        self._client = client
        self._repository = repository
        self._steps = steps
        self._variables = variables

    def _files(self, arguments: Arguments) -> Files:
        at = arguments.get("at", "main")
        if at.startswith("tx:"):
            return self._client.files_of(at.removeprefix("tx:"))
        return self._client.files(self._repository, at)

    async def write(self, a: Arguments) -> Result:
        data: Any = content(a["content"])
        if "pieces" in a:
            data = [data[start : start + a["pieces"]] for start in range(0, len(data), a["pieces"])]
        how = _some(a, "content_type", "metadata", "create_only")
        return file(await self._files(a).write(a["path"], data, **how))

    async def write_unfinished(self, a: Arguments) -> Result:
        async def broken() -> AsyncIterator[bytes]:
            yield content(a["content"])
            raise OwnError

        with contextlib.suppress(OwnError):
            await self._files(a).write(a["path"], broken())
        return {}

    async def read(self, a: Arguments) -> Result:
        download = self._files(a).open_read(a["path"], **_some(a, "offset", "limit", "if_match", "if_none_match"))
        data = b"".join([piece async for piece in download])
        return {"content": data, **file(download.info)}

    async def read_ranges(self, a: Arguments) -> Result:
        found = await self._files(a).read_ranges(a["path"], [(each["offset"], each["limit"]) for each in a["ranges"]])
        return {"ranges": [_item(each) for each in found]}

    async def read_some(self, a: Arguments) -> Result:
        data = b""
        async with contextlib.aclosing(self._files(a).open_read(a["path"]).views()) as pieces:
            while len(data) < a["bytes"]:
                data += await anext(pieces)
        return {"content": data[: a["bytes"]]}

    async def stat(self, a: Arguments) -> Result:
        return file(await self._files(a).stat(a["path"]))

    async def set_metadata(self, a: Arguments) -> Result:
        await self._files(a).set_metadata(a["path"], a["metadata"])
        return await self.stat(a)

    async def list(self, a: Arguments) -> Result:
        how = _some(a, "delimiter", "max_depth", "limit")
        found = self._files(a).list(a.get("prefix", ""), match_glob=a.get("glob", ""), **how)
        return {"paths": [each.path async for each in found]}

    async def delete(self, a: Arguments) -> Result:
        if "paths" in a:
            return {"deleted": await self._files(a).delete_many(a["paths"], **_some(a, "allow_missing"))}
        return {"deleted": await self._files(a).delete(a["path"], **_some(a, "recursive", "allow_missing"))}

    async def copy(self, a: Arguments) -> Result:
        done = await self._files(a).copy(a["from"], a["to"], source_ref=a.get("from_at", ""), **_some(a, "recursive"))
        return {"objects": len(done)}

    async def move(self, a: Arguments) -> Result:
        return {"objects": len(await self._files(a).move(a["from"], a["to"], **_some(a, "recursive")))}

    async def write_many(self, a: Arguments) -> Result:
        by_path: dict[str, object] = {}
        described = files(a["files"])
        for create_only in (False, True):
            some = {each["path"]: content(each["content"]) for each in described if each.get("create_only", False) is create_only}
            results = await self._files(a).write_many(some, create_only=create_only) if some else []
            by_path |= dict(zip(some, results, strict=True))
        return {"items": [_item(by_path[each["path"]]) for each in described]}

    async def read_many(self, a: Arguments) -> Result:
        return {"items": [_item(each) for each in await self._files(a).read_many(paths(a["paths"]))]}

    async def stat_many(self, a: Arguments) -> Result:
        return {"items": [_item(each) for each in await self._files(a).stat_many(paths(a["paths"]))]}

    async def begin(self, a: Arguments) -> Result:
        return transaction((await self._begun(a)).state)

    async def _begun(self, a: Arguments) -> Transaction:
        return await self._client.begin(
            self._repository,
            a.get("base", "main"),
            transaction_id=a.get("id", ""),
            idle_timeout=_span(a.get("idle_timeout_ms")),
            lifetime=_span(a.get("lifetime_ms")),
            **_some(a, "read_only", "labels"),
        )

    def _named(self, a: Arguments) -> Transaction:
        # The state of the handle does not matter, and a request for it would count as a call.
        return Transaction(self._client._channel, transactions_pb2.Transaction(transaction_id=a["tx"]))

    async def commit(self, a: Arguments) -> Result:
        how = _some(a, "message", "metadata", "tags", "squash", "if_epoch")
        done = await self._named(a).commit(strategy=_strategy(a), merge=not a.get("skip_merge", False), **how)
        return transaction(done)

    async def validate(self, a: Arguments) -> Result:
        await self._named(a).validate()
        return {}

    async def rollback(self, a: Arguments) -> Result:
        return transaction(await self._named(a).rollback())

    async def get_transaction(self, a: Arguments) -> Result:
        return transaction((await self._client.transaction(a["tx"])).state)

    async def keep_alive(self, a: Arguments) -> Result:
        return transaction(await self._named(a).keep_alive())

    async def list_transactions(self, a: Arguments) -> Result:
        names = [f"TRANSACTION_STATE_{each}" for each in a.get("states", ())]
        states = [cast("transactions_pb2.TransactionState", transactions_pb2.TransactionState.Value(name)) for name in names]
        found = self._client.transactions(self._repository, states=states, **_some(a, "labels"))
        return {"ids": [each.transaction_id async for each in found]}

    async def changes(self, a: Arguments) -> Result:
        return await _changes(self._named(a).changes(a.get("prefix", "")))

    async def watch(self, a: Arguments) -> Result:
        states: list[str] = []
        began = asyncio.Event()

        async def watching() -> None:
            async for seen in self._named(a).watch():
                state = transaction(seen.transaction)["state"]
                if states[-1:] != [state]:
                    states.append(state)
                began.set()

        task = asyncio.create_task(watching())
        await began.wait()
        await self._steps(a["steps"])
        await task
        return {"states": states}

    async def transaction(self, a: Arguments) -> Result:
        async with await self._begun(a) as tx:
            tx.message = a.get("message", "")
            self._variables["tx"] = tx.id
            await self._steps(a["steps"])
            if "raises" in a:
                raise OwnError(a["raises"])
        return transaction(tx.state)

    async def create_repository(self, a: Arguments) -> Result:
        made = await self._client.versions.create_repository(a["name"])
        return {"name": made.name, "default_branch": made.default_branch}

    async def get_repository(self, a: Arguments) -> Result:
        found = await self._client.versions.repository(a["name"])
        return {"name": found.name, "default_branch": found.default_branch}

    async def delete_repository(self, a: Arguments) -> Result:
        await self._client.versions.delete_repository(a["name"])
        return {}

    async def list_repositories(self, a: Arguments) -> Result:
        return await _names(self._client.versions.repositories(a.get("prefix", "")))

    async def create_branch(self, a: Arguments) -> Result:
        return _ref(await self._client.versions.create_branch(self._repository, a["name"], a["from"]))

    async def get_branch(self, a: Arguments) -> Result:
        return _ref(await self._client.versions.branch(self._repository, a["name"]))

    async def delete_branch(self, a: Arguments) -> Result:
        await self._client.versions.delete_branch(self._repository, a["name"])
        return {}

    async def list_branches(self, a: Arguments) -> Result:
        return await _names(self._client.versions.branches(self._repository, a.get("prefix", "")))

    async def create_tag(self, a: Arguments) -> Result:
        return _ref(await self._client.versions.create_tag(self._repository, a["name"], a["from"]))

    async def get_tag(self, a: Arguments) -> Result:
        return _ref(await self._client.versions.tag(self._repository, a["name"]))

    async def delete_tag(self, a: Arguments) -> Result:
        await self._client.versions.delete_tag(self._repository, a["name"])
        return {}

    async def list_tags(self, a: Arguments) -> Result:
        return await _names(self._client.versions.tags(self._repository, a.get("prefix", "")))

    async def create_commit(self, a: Arguments) -> Result:
        at = a.get("at", "main")
        how = _some(a, "metadata", "allow_empty")
        if at.startswith("tx:"):
            return commit(await self._named({"tx": at.removeprefix("tx:")}).create_commit(a["message"], **how))
        return commit(await self._client.versions.create_commit(self._repository, at, a["message"], **how))

    async def get_commit(self, a: Arguments) -> Result:
        return commit(await self._client.versions.commit(self._repository, a.get("at", "main")))

    async def log(self, a: Arguments) -> Result:
        found = self._client.versions.log(self._repository, a.get("at", "main"), **_some(a, "limit", "paths"))
        return {"messages": [each.message async for each in found]}

    async def diff(self, a: Arguments) -> Result:
        if "at" in a:
            uncommitted = versions_pb2.DIFF_MODE_UNCOMMITTED
            return await _changes(self._client.versions.diff(self._repository, a["at"], "", mode=uncommitted))
        three_dots = versions_pb2.DIFF_MODE_THREE_DOT
        return await _changes(self._client.versions.diff(self._repository, a["left"], a["right"], mode=three_dots))

    async def merge(self, a: Arguments) -> Result:
        merged = self._client.versions.merge(self._repository, a["from"], a["into"], a.get("message", ""), strategy=_strategy(a))
        return {"commit_id": await merged}

    async def revert(self, a: Arguments) -> Result:
        return commit(await self._client.versions.revert(self._repository, a["at"], a["commit"], parent=a.get("parent", 0)))

    async def cherry_pick(self, a: Arguments) -> Result:
        return commit(await self._client.versions.cherry_pick(self._repository, a["at"], a["commit"]))

    async def reset(self, a: Arguments) -> Result:
        await self._client.versions.reset(self._repository, a.get("at", "main"), path=a.get("path", ""))
        return {}

    async def server_info(self, _: Arguments) -> Result:
        return {"version": (await self._client.server_info()).version}


async def _names(found: AsyncIterator[Any]) -> Result:
    return {"names": [each.name async for each in found]}
