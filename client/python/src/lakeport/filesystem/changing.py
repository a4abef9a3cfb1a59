"""What is there already: copies, moves and deletes, of a whole tree by one call."""

from __future__ import annotations

from glob import has_magic
from typing import TYPE_CHECKING, Any

from fsspec.implementations.local import trailing_sep

from lakeport.errors import FolderError, InvalidError, NotFoundError
from lakeport.filesystem.base import about, by_ref
from lakeport.filesystem.writing import Writes
from lakeport.paths import Path

if TYPE_CHECKING:
    from lakeport.aio import Files


class Changes(Writes):
    """`cp`, `mv` and `rm`."""

    # ---- copies

    async def _cp_file(self, path1: str, path2: str, **_: object) -> None:
        await self._copied(self._parse(path1).object(), self._parse(path2).object(), recursive=False)

    async def _copied(self, source: Path, target: Path, *, recursive: bool) -> None:
        if source == target:
            return
        from_ref = await self._source(source, target)

        async def copy(files: Files) -> None:
            await files.copy(source.key, target.key, recursive=recursive, **from_ref)

        await self._changed(source, target, copy, recursive=recursive)

    async def _changed(self, source: Path, target: Path, change: Any, *, recursive: bool) -> None:
        with about(source):
            try:
                await self._write(target, change)
            finally:
                for path in (source, target):
                    (self._known.forget_below if recursive else self._known.forget)(str(path))

    async def _source(self, source: Path, target: Path) -> dict[str, str]:
        """How the server is told where a copy comes from."""
        if (source.repository, source.ref) == (target.repository, target.ref):
            return {}
        transaction_id = (await self._files(source)).place.transaction_id
        if not transaction_id:
            return {"source_ref": source.ref, "source_repository": source.repository}
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
        if tree is None:
            await super()._copy(path1, path2, recursive=recursive, on_error=on_error, maxdepth=maxdepth, **kwargs)
        else:
            await self._copied(*tree, recursive=True)

    async def _whole_tree(self, path1: object, path2: object, *, recursive: bool, maxdepth: int | None) -> tuple[Path, Path] | None:
        """Source and target, if they are a tree and its new place, which the server does by itself."""
        if not (recursive and maxdepth is None and isinstance(path1, str) and isinstance(path2, str)):
            return None
        source, target = self._parse(path1), self._parse(path2)
        if has_magic(str(source)) or not source.key:
            return None
        is_inside = not trailing_sep(path1) and (trailing_sep(path2) or await self._isdir(path2))
        if is_inside:
            target = Path.parse(f"{target}/{source.key.rpartition('/')[2]}")
        return (source, target) if target.key else None

    # ---- moves

    async def _mv(
        self,
        path1: str,
        path2: str,
        recursive: bool = False,
        maxdepth: int | None = None,
        **kwargs: Any,
    ) -> None:
        source, target = self._parse(path1), self._parse(path2)
        is_here = (source.repository, source.ref) == (target.repository, target.ref)
        if is_here and isinstance(path1, str) and not has_magic(str(source)) and maxdepth is None:
            if recursive:
                tree = await self._whole_tree(path1, path2, recursive=True, maxdepth=None)
            elif trailing_sep(path2) or await self._isdir(path2):
                tree = (source, Path.parse(f"{target}/{source.key.rpartition('/')[2]}"))
            else:
                tree = (source, target)
            if tree is not None:
                await self._moved(*tree, recursive=recursive)
                return
        await self._copy(path1, path2, recursive=recursive, maxdepth=maxdepth, on_error="raise", **kwargs)
        await self._rm(path1, recursive=recursive, maxdepth=maxdepth)

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
        del batch_size  # The server knows how many it does at once.
        objects: list[Path] = []
        for each in path if isinstance(path, list) else [path]:
            if maxdepth is not None and recursive:
                found = await self._find(each, maxdepth)
                objects += self._found(each, found)
            elif has_magic(self._strip_protocol(each)):
                objects += await self._matching(each, recursive=recursive)
            elif recursive:
                await self._delete_tree(self._parse(each))
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
            raise FolderError("only folders match: recursive=True deletes what is in them", filename=pattern)
        return self._found(pattern, files)

    def _found(self, path: str, names: list[str]) -> list[Path]:
        if not names:
            raise NotFoundError("no such object or folder", reason="OBJECT_NOT_FOUND", filename=str(self._parse(path)))
        return [Path.parse(name) for name in names]

    async def _delete_tree(self, where: Path) -> None:
        if not where.ref:
            what = "a repository is deleted by lakeport.Client().versions" if where.repository else "say what to delete"
            raise InvalidError(f"not below a branch: {what}", filename=str(where))
        if not where.key:
            # All of a branch: not one name, but all there are.
            await self._delete([Path.parse(name) for name in await self._find(str(where))])
            return

        async def delete(files: Files) -> None:
            await files.delete(where.key, recursive=True)

        with about(where):
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
                with about(group[0] if len(group) == 1 else f"{group[0].repository}/{group[0].ref}"):
                    await self._write(group[0], delete, lambda: False)
            except NotFoundError as error:
                if len(group) == 1:
                    raise await self._no_object(group[0], error) from None
                raise
            finally:
                for where in group:
                    self._known.forget(str(where))
