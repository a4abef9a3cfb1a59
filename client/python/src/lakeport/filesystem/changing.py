"""Copies, moves and deletes. One call handles a complete tree."""

from __future__ import annotations

from glob import has_magic
from typing import TYPE_CHECKING, Any

from fsspec.implementations.local import trailing_sep
from fsspec.utils import other_paths

from lakeport.aio.concurrency import gather_limited
from lakeport.errors import FolderError, InvalidError, NotFoundError
from lakeport.filesystem.base import attach_path, by_ref
from lakeport.filesystem.writing import Writes
from lakeport.paths import Path

if TYPE_CHECKING:
    from collections.abc import Callable

    from lakeport.aio import Files


_CONCURRENCY = 32
"""Maximum number of concurrent copies of one call."""


class Changes(Writes):
    """`cp`, `mv` and `rm`."""

    # ---- copies

    async def _cp_file(self, path1: str, path2: str, **_: object) -> None:
        await self._copied(self._parse(path1).object(), self._parse(path2).object(), recursive=False)

    async def _copied(self, source: Path, target: Path, *, recursive: bool) -> None:
        if source == target:
            return
        from_ref = await self._source(source, target)
        source_exists = True

        async def copy(files: Files) -> None:
            nonlocal source_exists
            try:
                await files.copy(source.key, target.key, recursive=recursive, **from_ref)
            except NotFoundError as error:
                # A missing target branch can be created, a missing source branch cannot.
                source_exists = error.reason != "REF_NOT_FOUND" or not from_ref or await self._exists(source.root)
                raise

        await self._changed(source, target, copy, recursive=recursive, again=lambda: source_exists)

    async def _changed(
        self, source: Path, target: Path, change: Any, *, recursive: bool, again: Callable[[], bool] = lambda: True
    ) -> None:
        with attach_path(source):
            try:
                await self._write(target, change, again)
            finally:
                for path in (source, target):
                    (self._known.forget_below if recursive else self._known.forget)(str(path))

    async def _source(self, source: Path, target: Path) -> dict[str, str]:
        """Returns the parameters of a copy request that name the source."""
        if (source.repository, source.ref) == (target.repository, target.ref):
            return {}
        place = (await self._files(source)).place
        transaction_id = place.transaction_id
        if not transaction_id:
            return {"source_ref": place.ref, "source_repository": source.repository}
        begun = await self.lakeport.transaction(transaction_id)
        return {"source_ref": begun.state.branch, "source_repository": source.repository}

    async def _copy(
        self,
        path1: str | list[str],
        path2: str | list[str],
        recursive: bool = False,
        on_error: str | None = None,
        maxdepth: int | None = None,
        **kwargs: Any,
    ) -> None:
        tree = await self._whole_tree(path1, path2, recursive=recursive, maxdepth=maxdepth)
        if tree is None and isinstance(path1, str) and isinstance(path2, str) and await self._looks_like_pattern(path1):
            into = trailing_sep(path2) or await self._isdir(path2)
            name = self._parse(path1).key.rpartition("/")[2]
            await self._cp_file(path1, f"{self._strip_protocol(path2)}/{name}" if into else path2)
        elif tree is None:
            await super()._copy(path1, path2, recursive=recursive, on_error=on_error, maxdepth=maxdepth, **kwargs)
        else:
            await self._copied(*tree, recursive=True)

    async def _looks_like_pattern(self, path: str) -> bool:
        """Returns whether a path names an object whose name fsspec would interpret as a glob pattern."""
        return has_magic(self._strip_protocol(path)) and not await self._is_pattern(path)

    async def _whole_tree(self, path1: object, path2: object, *, recursive: bool, maxdepth: int | None) -> tuple[Path, Path] | None:
        """Returns source and target if the server can copy the complete tree in one call, else None."""
        if not (recursive and maxdepth is None and isinstance(path1, str) and isinstance(path2, str)):
            return None
        source, target = self._parse(path1), self._parse(path2)
        if not source.key or await self._is_pattern(path1):
            return None
        is_inside = not trailing_sep(path1) and (trailing_sep(path2) or await self._isdir(path2))
        if is_inside:
            target = Path.parse(f"{target}/{source.key.rpartition('/')[2]}")
        return (source, target) if target.key else None

    # ---- moves

    async def _mv(
        self,
        path1: str | list[str],
        path2: str | list[str],
        recursive: bool = False,
        maxdepth: int | None = None,
        **_: object,
    ) -> None:
        move = await self._one_move(path1, path2, recursive=recursive, maxdepth=maxdepth)
        if move is not None:
            await self._moved(*move, recursive=recursive)
            return
        pairs = await self._pairs(path1, path2, recursive=recursive, maxdepth=maxdepth)
        await gather_limited((self._copied(source, target, recursive=False) for source, target in pairs), _CONCURRENCY)
        # Delete only the copied objects: another client may have written more in the meantime.
        await self._delete([source for source, target in pairs if source != target])

    async def _one_move(self, path1: object, path2: object, *, recursive: bool, maxdepth: int | None) -> tuple[Path, Path] | None:
        """Returns source and target if the server can move them in one call, which requires the same ref, else None."""
        if not (isinstance(path1, str) and isinstance(path2, str)) or maxdepth is not None:
            return None
        source, target = self._parse(path1), self._parse(path2)
        if (source.repository, source.ref) != (target.repository, target.ref) or await self._is_pattern(path1):
            return None
        if recursive:
            return await self._whole_tree(path1, path2, recursive=True, maxdepth=None)
        if trailing_sep(path2) or await self._isdir(path2):
            target = Path.parse(f"{target}/{source.key.rpartition('/')[2]}")
        return source, target

    async def _pairs(
        self, path1: str | list[str], path2: str | list[str], *, recursive: bool, maxdepth: int | None
    ) -> list[tuple[Path, Path]]:
        """Returns the source objects with their targets, mapped as in fsspec's copies."""
        names = await self._expand_path(path1, recursive=recursive, maxdepth=maxdepth)
        if isinstance(path2, str):
            is_one = isinstance(path1, str)
            is_folder = trailing_sep(path2) or await self._isdir(path2)
            is_pattern = isinstance(path1, str) and await self._is_pattern(path1)
            is_inside = is_one and ((is_pattern and len(names) == 1) or (not is_pattern and is_folder and not trailing_sep(path1)))
            targets = other_paths(names, self._strip_protocol(path2), exists=is_inside, flatten=not is_one)
        else:
            targets = [self._strip_protocol(each) for each in path2]
        pairs = [(self._parse(name), self._parse(target)) for name, target in zip(names, targets, strict=True)]
        kinds = await self._kinds(names)
        return [(source.object(), target.object()) for source, target in pairs if kinds[str(source)] == "file"]

    async def _kinds(self, names: list[str]) -> dict[str, str]:
        infos = await self._infos(names)
        return {info["name"]: info["type"] for info in infos}

    async def _mv_file(self, path1: str, path2: str) -> None:
        await self._mv(path1, path2)

    async def _moved(self, source: Path, target: Path, *, recursive: bool) -> None:
        if source.object() == target.object():
            return

        async def move(files: Files) -> None:
            await files.move(source.key, target.key, recursive=recursive)

        await self._changed(source, target, move, recursive=recursive)

    # ---- deletes

    async def _rm_file(self, path: str, **_: object) -> None:
        await self._delete([self._parse(path).object()])

    async def _rm(
        self,
        path: str | list[str],
        recursive: bool = False,
        batch_size: int | None = None,
        maxdepth: int | None = None,
        **_: object,
    ) -> None:
        del batch_size  # The server chooses its own batch size.
        objects: list[Path] = []
        for each in path if isinstance(path, list) else [path]:
            if maxdepth is not None and recursive:
                objects += self._found(each, await self._find(each, maxdepth))
            elif await self._is_pattern(each):
                objects += await self._matching(each, recursive=recursive)
            elif recursive:
                await self._delete_tree(self._parse(each), is_folder=str(each).endswith("/"))
            else:
                objects.append(self._parse(each).object())
        await self._delete(objects)

    async def _matching(self, pattern: str, *, recursive: bool) -> list[Path]:
        found: Any = await self._glob(pattern, detail=True)
        folders = [name for name, info in found.items() if info["type"] == "directory"]
        files = [name for name, info in found.items() if info["type"] == "file"]
        if recursive:
            below = {name for folder in folders for name in await self._find(folder)}
            files = sorted({*files, *below})
        elif folders and not files:
            raise FolderError("only directories match: pass recursive=True to delete their contents", filename=pattern)
        return self._found(pattern, files)

    def _found(self, path: str, names: list[str]) -> list[Path]:
        if not names:
            raise NotFoundError("no such object or directory", reason="OBJECT_NOT_FOUND", filename=str(self._parse(path)))
        return [Path.parse(name) for name in names]

    async def _delete_tree(self, where: Path, *, is_folder: bool) -> None:
        if not where.ref:
            what = "delete a repository with lakeport.Client().versions" if where.repository else "pass repository/branch/path"
            raise InvalidError(f"the path is not below a branch: {what}", filename=str(where))
        if not where.key:
            # A complete branch: no common name covers its objects, so list them.
            files = await self._files(where)
            await self._delete([Path(where.repository, where.ref, found.path) async for found in files.list()])
            return
        # With a trailing slash, delete only the contents of the directory, not an object with its name.
        key = where.prefix if is_folder else where.key

        async def delete(files: Files) -> None:
            await files.delete(key, recursive=True)

        with attach_path(where):
            try:
                await self._write(where, delete, lambda: False)
            finally:
                self._known.forget_below(str(where))

    async def _delete(self, objects: list[Path]) -> None:
        for group in by_ref(objects).values():

            async def delete(files: Files, group: list[Path] = group) -> None:
                keys = [where.key for where in group]
                await files.delete_many(keys) if len(keys) > 1 else await files.delete(keys[0])

            try:
                with attach_path(group[0] if len(group) == 1 else f"{group[0].repository}/{group[0].ref}"):
                    await self._write(group[0], delete, lambda: False)
            except NotFoundError as error:
                if len(group) == 1:
                    raise await self._no_object(group[0], error) from None
                raise
            finally:
                for where in group:
                    self._known.forget(str(where))
