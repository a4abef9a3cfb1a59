"""Metadata and listings. Each query costs one call, for any number of directories."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, Any, TypeAlias

from lakeport.aio.concurrency import gather_limited
from lakeport.batching import has_prefix
from lakeport.errors import FolderError, InvalidError, NoFolderError, NotFoundError
from lakeport.filesystem.base import Base, attach_path
from lakeport.paths import Path
from lakeport.prefetch import MAX_ENTRIES
from lakeport.v1 import files_pb2 as v1

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from lakeport.aio import Files
    from lakeport.caching import Info


Infos: TypeAlias = dict[str, "Info"]
"""Entries by name."""

_MAX_CACHED_TREE = 5_000
"""Maximum number of objects of a tree on a branch that are cached. Entries of a larger tree expire before they are used."""


def entry(root: str, found: v1.FileInfo) -> Info:
    """Converts an object, or a prefix of objects, to an entry of fsspec. It has a `commit` if the ref is a commit ID."""
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
    """Returns the entry of a directory, which is a prefix of objects and has no size."""
    return {"name": name, "type": "directory", "size": 0}


class Listing(Base):
    """`info`, `ls`, `find`, `walk`, and methods that are derived from them."""

    # ---- one path

    async def _info(self, path: str, *, refresh: bool = False, **_: object) -> Info:
        where = self._parse(path)
        with attach_path(where):
            if not where.key:
                return await self._root(where)
            if not str(path).endswith("/"):
                found = await self._look_up(where, refresh=refresh)
            else:
                found = folder(str(where)) if await has_prefix(await self._files(where), where.prefix) else None
            if found is None:
                raise missing(where)
            return found

    async def _object(self, where: Path, *, refresh: bool = False) -> Info | None:
        """Returns the entry of an object, or None if it does not exist."""
        found = await self._look_up(where, refresh=refresh)
        return None if found is None or found["type"] == "directory" else found

    async def _look_up(self, where: Path, *, refresh: bool = False) -> Info | None:
        """Returns the entry of an object or a directory, or None if neither exists."""
        name, parent = str(where), str(where).rpartition("/")[0]
        known = None if refresh else self._known.info(name)
        if known is not None:
            return known
        files = await self._files(where)
        may_cache = self._may_cache(files, where)
        if may_cache and not refresh and not self._known.has_listing(parent):
            is_complete = await self._prefetcher.prefetch(parent, lambda: self._prefetch_folder(files, where))
            known = self._known.info(name)
            if known is not None or (is_complete and self._known.has_listing(parent)):
                return known
        generation = self._known.generation
        try:
            found = await self._lookups.find(files, where.key)
        except NotFoundError as error:
            if error.reason != "OBJECT_NOT_FOUND":
                raise
            return None
        info = entry(where.root, found)
        if may_cache:
            self._known.put([info], generation)
            if info["type"] == "file":
                self._prefetcher.record(parent)
        return info

    async def _prefetch_folder(self, files: Files, where: Path) -> bool:
        """Caches the directory of an object with one request. Returns whether the listing was complete."""
        folder_key, slash, _ = where.key.rpartition("/")
        generation, prefix = self._known.generation, folder_key + slash
        infos = await self._listed(files, where, prefix, delimiter="/", limit=MAX_ENTRIES)
        is_complete = len(infos) < MAX_ENTRIES
        self._known.put(infos, generation, f"{where.root}{folder_key}".rstrip("/") if is_complete else None)
        return is_complete

    async def _root(self, where: Path) -> Info:
        """Returns the entry of a repository or a ref, which is a directory. Raises `NotFoundError` if it does not exist."""
        if where.ref:
            files = await self._files(where)
            if files.place.transaction_id:
                await self.lakeport.transaction(files.place.transaction_id)
            else:
                await self.lakeport.versions.commit(where.repository, where.ref)
        elif where.repository:
            await self.lakeport.versions.repository(where.repository)
        return folder(str(where))

    async def _no_object(self, where: Path, error: NotFoundError) -> Exception:
        """Returns the error for an object that does not exist: `FolderError` if the path is a directory."""
        if error.reason == "OBJECT_NOT_FOUND" and await has_prefix(await self._files(where), where.prefix):
            return FolderError("is a directory, not an object", filename=str(where))
        return error

    async def _infos(self, paths: list[str]) -> list[Info]:
        """Returns `info` of many objects, with one call for each ref. Raises `FileNotFoundError` for the first missing object."""
        return await gather_limited((self._info(path) for path in paths), len(paths) or 1)

    async def _exists(self, path: str, **_: object) -> bool:
        return await self._type(path) is not None

    async def _isfile(self, path: str) -> bool:
        return await self._type(path) == "file"

    async def _isdir(self, path: str) -> bool:
        return await self._type(path) == "directory"

    async def _type(self, path: str) -> str | None:
        info = await self._info_or_none(path)
        return None if info is None else str(info["type"])

    async def _info_or_none(self, path: str) -> Info | None:
        # Raise other errors: fsspec would report that nothing exists.
        try:
            return await self._info(path)
        except FileNotFoundError:
            return None
        except InvalidError as error:
            if error.reason == "INVALID_FIELD":
                # The name is invalid, so nothing with this name can exist.
                return None
            raise

    # ---- directories

    async def _ls(
        self, path: str, detail: bool = True, *, refresh: bool = False, recursive: bool = False, **_: object
    ) -> list[Any]:
        where = self._parse(path)
        with attach_path(where):
            if not where.ref:
                infos = [folder(name) async for name in self._names(where)]
            elif recursive:
                infos = await self._below(where)
            else:
                infos = await self._folder(where, refresh=refresh, is_folder=str(path).endswith("/"))
        return infos if detail else [info["name"] for info in infos]

    async def _names(self, where: Path) -> AsyncIterator[str]:
        """Yields the repositories, or the branches and tags of one repository."""
        versions = self.lakeport.versions
        if not where.repository:
            async for repository in versions.repositories():
                yield repository.name
            return
        async for branch in versions.branches(where.repository):
            yield f"{where.repository}/{branch.name}"
        async for tag in versions.tags(where.repository):
            yield f"{where.repository}/{tag.name}"

    async def _folder(self, where: Path, *, refresh: bool, is_folder: bool) -> list[Info]:
        name = str(where)
        known = None if refresh else self._known.listing(name)
        if known is not None:
            return known
        files, generation = await self._files(where), self._known.generation
        infos = await self._listed(files, where, where.prefix, delimiter="/")
        if infos or not where.key:
            if self._may_cache(files, where):
                self._known.put(infos, generation, name)
            return infos
        found = await self._look_up(where, refresh=refresh)
        if found is None and self._known.is_new(name):
            # DuckDB and other libraries list a directory that they have just created.
            return []
        if found is None:
            raise missing(where)
        if found["type"] == "directory":
            # The directory is empty except for an object that marks it.
            return []
        if is_folder:
            raise NoFolderError("is an object, not a directory", filename=name)
        return [found]

    async def _below(self, where: Path) -> list[Info]:
        """Returns all objects and directories below a directory, and caches their listings. For an object, returns the object."""
        files, generation = await self._files(where), self._known.generation
        objects, folders = await self._scan(str(where), None, withdirs=True)
        folders.pop(str(where), None)
        if not objects and not folders and await self._info_or_none(f"{where}/") is None:
            raise missing(where)
        infos = sorted([*objects.values(), *folders.values()], key=lambda info: (info["name"], info["type"] == "directory"))
        if self._may_cache(files, where) and str(where) not in objects and len(infos) <= _MAX_CACHED_TREE:
            listings: dict[str, list[Info]] = {str(where): [], **{name: [] for name in folders}}
            for info in infos:
                listings.setdefault(info["name"].rpartition("/")[0], []).append(info)
            for name, listing in listings.items():
                self._known.put(listing, generation, name)
        return infos

    async def _listed(self, files: Files, where: Path, prefix: str, **how: Any) -> list[Info]:
        infos: list[Info] = []
        async for page in files.list_pages(prefix, **how):
            # Other tools mark an empty directory with an object whose key is the prefix.
            infos += [entry(where.root, found) for found in page.entries if found.path != prefix]
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
        """Finds everything below a path, in one call."""
        if maxdepth is not None and maxdepth < 1:
            message = "maxdepth must be at least 1"
            raise ValueError(message)
        objects, folders = await self._scan(path, maxdepth, prefix, withdirs=withdirs)
        # As in `info`, the object precedes a directory with its name.
        found = {**folders, **objects} if withdirs else objects
        names = sorted(found)
        return {name: found[name] for name in names} if detail else names

    async def _scan(self, path: str, depth: int | None, prefix: str = "", *, withdirs: bool) -> tuple[Infos, Infos]:
        """Returns the objects and, with `withdirs`, the directories at and below a path. For an object, returns the object."""
        where = self._parse(path)
        with attach_path(where):
            if where.ref:
                return await self._tree(where, depth, prefix, withdirs=withdirs)
            return await self._forest(where, depth, prefix, withdirs=withdirs)

    async def _tree(self, where: Path, depth: int | None, prefix: str, *, withdirs: bool) -> tuple[Infos, Infos]:
        files, generation = await self._files(where), self._known.generation
        # Directories at the last level only appear through the objects below them.
        how: dict[str, Any] = {"delimiter": "/"} if depth == 1 else {"max_depth": 0 if withdirs else (depth or 0)}
        try:
            infos = await self._listed(files, where, where.prefix + prefix, **how)
        except NotFoundError:
            # As in fsspec, there is nothing below a missing path.
            return {}, {}
        if self._may_cache(files, where) and (len(infos) <= _MAX_CACHED_TREE or "commit" in infos[0]):
            self._known.put(infos, generation)
        if not infos and not prefix and where.key:
            alone = await self._object(where)
            return ({} if alone is None else {alone["name"]: alone}), {}
        objects = {info["name"]: info for info in infos if info["type"] == "file" and not info["name"].endswith("/")}
        folders: Infos = {}
        if withdirs:
            folders = _folders(infos, f"{where}/")
            if infos and where.key:
                folders[str(where)] = folder(str(where))
        if depth is None:
            return objects, folders
        deepest = str(where).count("/") + depth
        return (
            {name: info for name, info in objects.items() if name.count("/") <= deepest},
            {name: info for name, info in folders.items() if name.count("/") <= deepest},
        )

    async def _forest(self, where: Path, depth: int | None, prefix: str, *, withdirs: bool) -> tuple[Infos, Infos]:
        """Returns repositories and refs, and everything in them down to the given depth."""
        objects: Infos = {}
        folders: Infos = {}
        async for name in self._names(where):
            if not name.removeprefix(f"{where}/" if where.repository else "").startswith(prefix):
                continue
            if withdirs:
                folders[name] = folder(name)
            if depth is None or depth > 1:
                below = await self._scan(name, None if depth is None else depth - 1, withdirs=withdirs)
                objects.update(below[0])
                folders.update(below[1])
        return objects, folders

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
        if maxdepth is not None and maxdepth < 1:
            message = "maxdepth must be at least 1"
            raise ValueError(message)
        top = str(self._parse(path))
        objects, folders = await self._scan(top, maxdepth, withdirs=True)
        if not objects and not folders.keys() - {top}:
            error = missing(self._parse(path))
            if on_error == "raise":
                raise error
            if callable(on_error):
                on_error(error)
        levels: dict[str, tuple[Infos, Infos]] = {}
        for is_object, infos in ((False, folders), (True, objects)):
            for name, info in infos.items():
                parent, last = name.rpartition("/")[::2]
                levels.setdefault(parent, ({}, {}))[is_object][last] = info
        if top in objects:
            levels[top] = ({}, {"": objects[top]})
        for level in _levels(top, levels, maxdepth, topdown=topdown, detail=detail):
            yield level

    # ---- derived methods

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
        with attach_path(where):
            found = await self._object(where)
            if found is None:
                raise missing(where)
        return datetime.datetime.fromtimestamp(found["mtime"], tz=datetime.timezone.utc)

    async def _metadata(self, path: str) -> dict[str, str]:
        where = self._parse(path).object()
        with attach_path(where):
            files = await self._files(where)
            # Bypass the cache: the caller may change the metadata and write it back.
            return dict((await files.stat(where.key)).metadata)

    async def _sign(self, path: str, expiration: int = 100, **_: object) -> str:
        del expiration  # The object store determines the lifetime of the URL.
        where = self._parse(path).object()
        with attach_path(where):
            return await (await self._files(where)).presign(where.key)


def missing(where: Path) -> NotFoundError:
    """Returns the error for a path at which nothing exists."""
    return NotFoundError("no such object or directory", reason="OBJECT_NOT_FOUND", filename=str(where))


def _folders(infos: list[Info], base: str) -> dict[str, Info]:
    """Returns the directories above the entries, below a base."""
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
    # The caller can remove directories from `dirs` to skip their contents.
    for name in list(dirs) if depth is None or depth > 1 else []:
        deeper = None if depth is None else depth - 1
        yield from _levels(f"{top}/{name}" if top else name, levels, deeper, topdown=topdown, detail=detail)
    if not topdown:
        yield top, dirs, files
