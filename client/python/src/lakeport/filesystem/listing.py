"""What is there: each answer costs one call, however many folders it is about."""

from __future__ import annotations

import datetime
from glob import has_magic
from typing import TYPE_CHECKING, Any

from lakeport.aio.together import together
from lakeport.errors import FolderError, InvalidError, NoFolderError, NotFoundError
from lakeport.filesystem.base import Base, about
from lakeport.neighbours import MOST
from lakeport.paths import Path
from lakeport.v1 import files_pb2 as v1

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from lakeport.aio import Files
    from lakeport.caching import Info


_WORTH = 5_000
"""Objects of a tree on a branch that are kept: more are no longer true when all are asked for."""


def entry(root: str, found: v1.FileInfo) -> Info:
    """What fsspec's users know about an object, or about a prefix of objects."""
    if found.kind == v1.FILE_KIND_PREFIX:
        return folder(root + found.path.rstrip("/"))
    info: Info = {
        "name": root + found.path,
        "type": "file",
        "size": found.size_bytes,
        "checksum": found.etag,
        "ETag": found.etag,
        "content-type": found.content_type,
        "mtime": found.update_time.seconds,
        "metadata": dict(found.metadata) if found.metadata else {},
    }
    if found.commit_id:
        info["commit"] = found.commit_id
    return info


def folder(name: str) -> Info:
    """A folder is what is below it, and has no size."""
    return {"name": name, "type": "directory", "size": 0}


class Looking(Base):
    """`info`, `ls`, `find`, `walk`, and what follows from them."""

    # ---- one path

    async def _info(self, path: str, *, refresh: bool = False, **_: object) -> Info:
        where = self._parse(path)
        with about(where):
            if not where.key:
                return await self._root(where)
            if not str(path).endswith("/"):
                found = await self._object(where, refresh=refresh)
                if found is not None:
                    return found
            files = await self._files(where)
            if await self._is_prefix(files, where.prefix):
                return folder(str(where))
            raise missing(where)

    async def _object(self, where: Path, *, refresh: bool = False) -> Info | None:
        """What an object is; none where there is none."""
        known = None if refresh else self._known.info(str(where))
        if known is not None:
            return known
        files = await self._files(where)
        may_keep, parent = self._may_keep(files, where), str(where).rpartition("/")[0]
        if may_keep and not refresh:
            await self._neighbours.list_once(parent, lambda: self._folder_at_once(files, where))
            known = self._known.info(str(where))
            if known is not None:
                return known
        generation = self._known.generation
        try:
            info = entry(where.root, await self._stats.stat(files, where.key))
        except NotFoundError as error:
            if error.reason != "OBJECT_NOT_FOUND":
                raise
            return None
        if may_keep:
            self._known.keep([info], generation)
            self._neighbours.note(parent)
        return info

    async def _folder_at_once(self, files: Files, where: Path) -> bool:
        """Keeps what is in the folder of an object, and says whether that is all: no more than one request has."""
        folder_key, slash, _ = where.key.rpartition("/")
        generation, prefix = self._known.generation, folder_key + slash
        infos = await self._listed(files, where.root, prefix, delimiter="/", limit=MOST)
        is_all = len(infos) < MOST
        self._known.keep(infos, generation, f"{where.root}{folder_key}".rstrip("/") if is_all else None)
        return is_all

    async def _root(self, where: Path) -> Info:
        """A repository or a ref: a folder, if it is there."""
        if where.ref:
            files = await self._files(where)
            if files.place.transaction_id:
                await self.lakeport.transaction(files.place.transaction_id)
            else:
                await self.lakeport.versions.commit(where.repository, where.ref)
        elif where.repository:
            await self.lakeport.versions.repository(where.repository)
        return folder(str(where))

    async def _is_prefix(self, files: Files, prefix: str) -> bool:
        found = False
        # To its end, which is there: a call that is left alone goes on.
        async for _ in files.list(prefix, limit=1):
            found = True
        return found

    async def _no_object(self, where: Path, error: NotFoundError) -> Exception:
        """Why an object cannot be read that is not there: it may be a folder."""
        if error.reason == "OBJECT_NOT_FOUND" and await self._is_prefix(await self._files(where), where.prefix):
            return FolderError("is a folder, not an object", filename=str(where))
        return error

    async def _infos(self, paths: list[str]) -> list[Info]:
        """`info` of many objects, in one call for each ref. The first that is not there is a `FileNotFoundError`."""
        return await together((self._info(path) for path in paths), len(paths) or 1)

    async def _exists(self, path: str, **_: object) -> bool:
        return await self._type(path) is not None

    async def _isfile(self, path: str) -> bool:
        return await self._type(path) == "file"

    async def _isdir(self, path: str) -> bool:
        return await self._type(path) == "directory"

    async def _type(self, path: str) -> str | None:
        # A failure is no answer, and is raised: fsspec would say that nothing is there.
        try:
            return str((await self._info(path))["type"])
        except FileNotFoundError:
            return None
        except InvalidError as error:
            if error.reason == "INVALID_FIELD":
                # A name that nothing can have.
                return None
            raise

    # ---- folders

    async def _ls(
        self, path: str, detail: bool = True, *, refresh: bool = False, recursive: bool = False, **_: object
    ) -> list[Any]:
        where = self._parse(path)
        with about(where):
            if not where.ref:
                infos = [folder(name) async for name in self._names(where)]
            elif recursive:
                infos = await self._below(where)
            else:
                infos = await self._folder(where, refresh=refresh, is_folder=str(path).endswith("/"))
        return infos if detail else [info["name"] for info in infos]

    async def _names(self, where: Path) -> AsyncIterator[str]:
        """The repositories, or the branches and tags of one."""
        versions = self.lakeport.versions
        if not where.repository:
            async for repository in versions.repositories():
                yield repository.repository
            return
        async for branch in versions.branches(where.repository):
            yield f"{where.repository}/{branch.branch}"
        async for tag in versions.tags(where.repository):
            yield f"{where.repository}/{tag.tag}"

    async def _folder(self, where: Path, *, refresh: bool, is_folder: bool) -> list[Info]:
        name = str(where)
        known = None if refresh else self._known.listing(name)
        if known is not None:
            return known
        files, generation = await self._files(where), self._known.generation
        infos = await self._listed(files, where.root, where.prefix, delimiter="/")
        if infos or not where.key:
            if self._may_keep(files, where):
                self._known.keep(infos, generation, name)
            return infos
        found = await self._object(where, refresh=refresh)
        if found is None:
            # Nothing but a key that marks it as a folder.
            if await self._is_prefix(files, where.prefix):
                return []
            raise missing(where)
        if is_folder:
            raise NoFolderError("is an object, not a folder", filename=name)
        return [found]

    async def _below(self, where: Path) -> list[Info]:
        """All that is in a folder and its folders, with these."""
        found = await self._find(str(where), withdirs=True, detail=True)
        found.pop(str(where), None)
        if not found and where.key:
            alone = await self._object(where)
            if alone is None:
                raise missing(where)
            return [alone]
        return list(found.values())

    async def _listed(self, files: Files, root: str, prefix: str, **how: Any) -> list[Info]:
        infos: list[Info] = []
        async for page in files.list_pages(prefix, **how):
            # A key that is the prefix itself marks an empty folder in other tools.
            infos += [entry(root, found) for found in page.entries if found.path != prefix]
        return infos

    # ---- trees

    async def _find(
        self,
        path: str,
        maxdepth: int | None = None,
        withdirs: bool = False,
        *,
        detail: bool = False,
        prefix: str = "",
        **_: object,
    ) -> Any:
        """Everything below a path, in one call."""
        if maxdepth is not None and maxdepth < 1:
            message = "maxdepth must be at least 1"
            raise ValueError(message)
        where = self._parse(path)
        with about(where):
            found = await (
                self._tree(where, maxdepth, prefix, withdirs=withdirs)
                if where.ref
                else self._forest(where, maxdepth, prefix, withdirs=withdirs)
            )
        names = sorted(found)
        return {name: found[name] for name in names} if detail else names

    async def _tree(self, where: Path, depth: int | None, prefix: str, *, withdirs: bool) -> dict[str, Info]:
        files, generation = await self._files(where), self._known.generation
        # Folders at the last level are seen by what is below them alone.
        how: dict[str, Any] = {"delimiter": "/"} if depth == 1 else {"max_depth": 0 if withdirs else (depth or 0)}
        try:
            infos = await self._listed(files, where.root, where.prefix + prefix, **how)
        except NotFoundError:
            # As fsspec has it: what is not there has nothing below it.
            return {}
        if self._may_keep(files, where) and (len(infos) <= _WORTH or "commit" in infos[0]):
            self._known.keep(infos, generation)
        found = {info["name"]: info for info in infos if info["type"] == "file" and not info["name"].endswith("/")}
        base = f"{where}/"
        if withdirs:
            found.update(_folders(infos, base))
            if infos and where.key:
                found[str(where)] = folder(str(where))
        if depth is not None:
            found = {name: info for name, info in found.items() if name.count("/") - base.count("/") < depth}
        if not infos and not prefix and where.key:
            alone = await self._object(where)
            return {} if alone is None else {alone["name"]: alone}
        return found

    async def _forest(self, where: Path, depth: int | None, prefix: str, *, withdirs: bool) -> dict[str, Info]:
        """Of repositories and refs, and of all that is in them as far down as was asked."""
        found: dict[str, Info] = {}
        async for name in self._names(where):
            if not name.removeprefix(f"{where}/" if where.repository else "").startswith(prefix):
                continue
            if withdirs:
                found[name] = folder(name)
            if depth is None or depth > 1:
                deeper = None if depth is None else depth - 1
                found.update(await self._find(name, deeper, withdirs, detail=True))
        return found

    async def _walk(
        self,
        path: str,
        maxdepth: int | None = None,
        topdown: bool = True,
        on_error: str | Callable[[OSError], None] = "omit",
        *,
        detail: bool = False,
        **_: object,
    ) -> AsyncIterator[tuple[str, Any, Any]]:
        top = str(self._parse(path))
        found = await self._find(top, maxdepth, withdirs=True, detail=True)
        alone = found.pop(top, None)
        if not found and (alone is None or alone["type"] == "directory"):
            error = missing(self._parse(path))
            if on_error == "raise":
                raise error
            if callable(on_error):
                on_error(error)
        levels: dict[str, tuple[dict[str, Info], dict[str, Info]]] = {}
        for name, info in found.items():
            parent, _, last = name.rpartition("/")
            levels.setdefault(parent, ({}, {}))[info["type"] == "file"][last] = info
        if alone is not None and alone["type"] == "file":
            levels[top] = ({}, {"": alone})
        for level in _levels(top, levels, maxdepth, topdown=topdown, detail=detail):
            yield level

    async def _is_pattern(self, path: str) -> bool:
        """Whether a path is one to match: not where an object has that very name."""
        if not has_magic(self._strip_protocol(path)):
            return False
        where = self._parse(path)
        if not where.key:
            return True
        try:
            return await self._object(where) is None
        except (NotFoundError, InvalidError):
            return True

    async def _expand_path(
        self, path: str | list[str], recursive: bool = False, maxdepth: int | None = None, **_: object
    ) -> list[str]:
        if maxdepth is not None and maxdepth < 1:
            message = "maxdepth must be at least 1"
            raise ValueError(message)
        found: set[str] = set()
        for each in [path] if isinstance(path, str) else path:
            name: str = self._strip_protocol(each)
            if await self._is_pattern(name):
                matches: list[Any] = list(await self._glob(name, maxdepth=maxdepth))
                found.update(matches)
                if recursive and (maxdepth is None or maxdepth > 1):
                    # What matches is one level already.
                    deeper = None if maxdepth is None else maxdepth - 1
                    for match in matches:
                        found.update(await self._find(match, deeper, withdirs=True))
                continue
            below = await self._find(name, maxdepth, withdirs=True) if recursive else []
            found.update(below)
            if name not in found and (not recursive or await self._exists(name)):
                found.add(name)
        if not found:
            raise missing(self._parse(path if isinstance(path, str) else (path or [""])[0]))
        return sorted(found)

    # ---- what follows from these

    async def _du(
        self, path: str, total: bool = True, maxdepth: int | None = None, withdirs: bool = False, **_: object
    ) -> int | dict[str, int]:
        found = await self._find(path, maxdepth, withdirs, detail=True)
        sizes = {name: info["size"] for name, info in found.items()}
        return sum(sizes.values()) if total else sizes

    async def _checksum(self, path: str) -> str | None:
        try:
            info = await self._info(path)
        except FileNotFoundError:
            return None
        return info.get("checksum")

    async def _modified(self, path: str) -> datetime.datetime:
        where = self._parse(path).object()
        with about(where):
            found = await self._object(where)
            if found is None:
                raise missing(where)
        return datetime.datetime.fromtimestamp(found["mtime"], tz=datetime.timezone.utc)

    async def _metadata(self, path: str) -> dict[str, str]:
        where = self._parse(path).object()
        with about(where):
            files = await self._files(where)
            # Of the server, not of what is known: what is written next may be made from it.
            return dict((await files.stat(where.key)).metadata)

    async def _sign(self, path: str, expiration: int = 100, **_: object) -> str:
        del expiration  # The store says how long.
        where = self._parse(path).object()
        with about(where):
            return await (await self._files(where)).presign(where.key)


def missing(where: Path) -> NotFoundError:
    """Nothing is there."""
    return NotFoundError("no such object or folder", reason="OBJECT_NOT_FOUND", filename=str(where))


def _folders(infos: list[Info], base: str) -> dict[str, Info]:
    """The folders in which things are, below a base."""
    found: dict[str, Info] = {}
    for info in infos:
        if info["type"] == "directory":
            found[info["name"]] = info
        parent = info["name"].rpartition("/")[0]
        while len(parent) >= len(base) and parent not in found:
            found[parent] = folder(parent)
            parent = parent.rpartition("/")[0]
    return found


def _levels(top: str, levels: dict[str, Any], depth: int | None, *, topdown: bool, detail: bool) -> Any:
    dirs, files = levels.get(top, ({}, {}))
    if not detail:
        dirs, files = list(dirs), list(files)
    if topdown:
        yield top, dirs, files
    # Whoever takes folders out of `dirs` on the way down does not see what is in them.
    for name in list(dirs) if depth is None or depth > 1 else []:
        deeper = None if depth is None else depth - 1
        yield from _levels(f"{top}/{name}" if top else name, levels, deeper, topdown=topdown, detail=detail)
    if not topdown:
        yield top, dirs, files
