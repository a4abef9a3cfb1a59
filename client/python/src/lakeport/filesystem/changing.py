"""Copies, moves and deletes. One call handles a complete tree."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fsspec.implementations.local import trailing_sep
from fsspec.utils import stringify_path

from lakeport.aio.concurrency import gather_limited
from lakeport.errors import FolderError, InvalidError, LakeportError, NotFoundError
from lakeport.filesystem.base import attach_path, by_ref
from lakeport.filesystem.names import Paths, as_list, distinct, targets
from lakeport.filesystem.writing import Writes
from lakeport.paths import Path

if TYPE_CHECKING:
    from collections.abc import Callable

    from lakeport.aio import Files


_CONCURRENCY = 32
"""Maximum number of concurrent copies of one call."""

_MISSING = ("REPOSITORY_NOT_FOUND", "REF_NOT_FOUND")
"""Reasons for which the source or the target of a copy is missing."""

_ABOUT_SOURCE = ("OBJECT_NOT_FOUND", "OBJECT_CHANGED")
_ABOUT_TARGET = ("REF_NOT_A_BRANCH", "BRANCH_PROTECTED", "REPOSITORY_READ_ONLY", "RESERVED_NAME")


class Changes(Writes):
    """`cp`, `mv` and `rm`."""

    # ---- copies

    async def _cp_file(self, path1: str, path2: str, **_: object) -> None:
        await self._copied(self._parse(path1).object(), self._parse(path2).object(), recursive=False)

    async def _copied(self, source: Path, target: Path, *, recursive: bool) -> None:
        if source == target:
            return
        with attach_path(source):
            from_ref = await self._source(source, target)
        source_exists = True

        async def copy(files: Files) -> None:
            nonlocal source_exists
            try:
                await files.copy(source.key, target.key, recursive=recursive, **from_ref)
            except NotFoundError as error:
                # A missing target branch can be created, a missing source branch cannot.
                source_exists = error.reason not in _MISSING or not from_ref or await self._exists(source.root)
                raise

        await self._changed(source, target, copy, recursive=recursive, again=lambda: source_exists)

    async def _changed(
        self, source: Path, target: Path, change: Any, *, recursive: bool, again: Callable[[], bool] = lambda: True
    ) -> None:
        try:
            await self._write(target, change, again)
        except LakeportError as error:
            _attach_paths(error, source, target, is_source_missing=_is_same_ref(source, target) or not again())
            raise
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
        path1: Any,
        path2: Any,
        recursive: bool = False,
        on_error: str | None = None,
        maxdepth: int | None = None,
        **_: object,
    ) -> None:
        path1, path2 = stringify_path(path1), stringify_path(path2)
        tree = await self._whole_tree(path1, path2, recursive=recursive, maxdepth=maxdepth)
        if tree is not None:
            await self._copied(*tree, recursive=True)
            return
        pairs = await self._pairs(path1, path2, recursive=recursive, maxdepth=maxdepth)
        is_tree = recursive and not isinstance(path1, str) and not isinstance(path2, str)
        is_ignored = (on_error or ("ignore" if recursive else "raise")) == "ignore"
        failed: list[OSError] = []

        async def copy(source: Path, target: Path) -> None:
            try:
                await self._copied(source, target, recursive=is_tree)
            except OSError as error:
                # A missing target would make all copies fail.
                is_source_missing = isinstance(error, FileNotFoundError) and error.filename == str(source)
                if not (is_ignored and is_source_missing):
                    failed.append(error)

        await gather_limited((copy(*pair) for pair in pairs), _CONCURRENCY)
        for error in failed:
            raise error

    async def _whole_tree(self, path1: object, path2: object, *, recursive: bool, maxdepth: int | None) -> tuple[Path, Path] | None:
        """Returns source and target if the server can copy the complete tree in one call, else None."""
        if not (recursive and maxdepth is None and isinstance(path1, str) and isinstance(path2, str)):
            return None
        source, target = self._parse(path1), self._parse(path2)
        if not source.key or await self._pattern(path1) is not None:
            return None
        is_inside = not trailing_sep(path1) and (trailing_sep(path2) or await self._isdir(path2))
        if is_inside:
            target = Path.parse(f"{target}/{source.key.rpartition('/')[2]}")
        return (source, target) if target.key else None

    async def _pairs(self, path1: Paths, path2: Paths, *, recursive: bool, maxdepth: int | None) -> list[tuple[Path, Path]]:
        """Returns the source objects with their targets, mapped as in fsspec's copies."""
        if not isinstance(path1, str) and not isinstance(path2, str):
            # As in fsspec, two lists are pairs of names: they contain no patterns.
            pairs = distinct(list(zip(as_list(path1), as_list(path2), strict=True)))
        else:
            named = await self._expanded(path1, recursive=recursive, maxdepth=maxdepth, with_top=True)
            if isinstance(path1, str) and not recursive:
                named.unchecked = {name for name in named.unchecked if await self._type(name) != "directory"}
            if isinstance(path2, str):
                self._known.forget(str(self._parse(path2)))
                is_whole, into = recursive and maxdepth is None, trailing_sep(path2) or await self._isdir(path2)
                top = str(self._parse(path1)) if isinstance(path1, str) else ""
                found = targets(path1, named, str(self._parse(path2)), top=top, is_whole=is_whole, into=into)
                pairs = distinct([(name, found[name]) for name in named.sources])
            else:
                pairs = list(zip(named.sources, as_list(path2), strict=True))
        return [(self._parse(source).object(), self._parse(target).object()) for source, target in pairs]

    # ---- moves

    async def _mv(
        self,
        path1: Any,
        path2: Any,
        recursive: bool = False,
        maxdepth: int | None = None,
        **_: object,
    ) -> None:
        path1, path2 = stringify_path(path1), stringify_path(path2)
        move = await self._one_move(path1, path2, recursive=recursive, maxdepth=maxdepth)
        if move is not None:
            await self._moved(*move, recursive=recursive)
            return
        pairs = await self._pairs(path1, path2, recursive=recursive, maxdepth=maxdepth)
        if not pairs:
            raise FolderError("only directories match: pass recursive=True to move their contents", filename=str(path1))
        await self._moved_all(pairs)

    async def _moved_all(self, pairs: list[tuple[Path, Path]]) -> None:
        await gather_limited((self._copied(source, target, recursive=False) for source, target in pairs), _CONCURRENCY)
        # Delete only the copied objects: another client may have written more in the meantime.
        await self._delete([source for source, target in pairs if source != target])

    async def _one_move(self, path1: object, path2: object, *, recursive: bool, maxdepth: int | None) -> tuple[Path, Path] | None:
        """Returns source and target if the server can move them in one call, which requires the same ref, else None."""
        if not (isinstance(path1, str) and isinstance(path2, str)) or maxdepth is not None:
            return None
        source, target = self._parse(path1), self._parse(path2)
        if not _is_same_ref(source, target) or await self._pattern(path1) is not None:
            return None
        if recursive:
            return await self._whole_tree(path1, path2, recursive=True, maxdepth=None)
        if trailing_sep(path2) or await self._isdir(path2):
            target = Path.parse(f"{target}/{source.key.rpartition('/')[2]}")
        return source, target

    async def _mv_file(self, path1: str, path2: str) -> None:
        source, target = self._parse(path1).object(), self._parse(path2).object()
        if _is_same_ref(source, target):
            await self._moved(source, target, recursive=False)
        else:
            await self._moved_all([(source, target)])

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
        path: Paths,
        recursive: bool = False,
        batch_size: int | None = None,
        maxdepth: int | None = None,
        **_: object,
    ) -> None:
        del batch_size  # The server chooses its own batch size.
        trees, objects = list[str](), list[Path]()
        # Look up all names before the first deletion. After it, the next name might not exist, and could be taken for a pattern.
        for each in as_list(path):
            is_pattern = await self._pattern(each) is not None
            if is_pattern or (recursive and maxdepth is not None):
                objects += await self._doomed(each, recursive=recursive, maxdepth=maxdepth)
            elif recursive:
                trees.append(each)
            else:
                objects.append(self._parse(each).object())
        deleted: list[str] = []
        for tree in sorted(trees, key=len):
            where = self._parse(tree)
            if not f"{where}/".startswith(tuple(deleted)):
                await self._delete_tree(where, is_folder=tree.endswith("/"))
                deleted.append(f"{where}/")
        await self._delete(list(dict.fromkeys(objects)))

    async def _doomed(self, path: str, *, recursive: bool, maxdepth: int | None) -> list[Path]:
        """Returns the objects that a pattern matches, or that are below a path down to a depth."""
        named = await self._expanded(path, recursive=recursive, maxdepth=maxdepth, with_top=True)
        if not named.objects:
            raise FolderError("only directories match: pass recursive=True to delete their contents", filename=path)
        return [Path.parse(name) for name in sorted(named.objects)]

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

    async def _rmdir(self, path: str) -> None:
        """Forgets an empty directory that `mkdir` created."""
        self._known.forget(str(self._parse(path)))

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


def _is_same_ref(source: Path, target: Path) -> bool:
    return (source.repository, source.ref) == (target.repository, target.ref)


def _attach_paths(error: LakeportError, source: Path, target: Path, *, is_source_missing: bool) -> None:
    """Sets the path that the error of a copy or move is about. If it is not about one of the two, sets both.

    `is_source_missing` tells whether a missing repository or ref is that of the source.
    """
    if error.filename:
        return
    reason, fields = error.reason or "", [violation.field for violation in error.field_violations]
    is_of_source = [field.startswith("source_") for field in fields]
    if reason in _ABOUT_SOURCE or (reason in _MISSING and is_source_missing) or (fields and all(is_of_source)):
        error.filename = str(source)
    elif reason in _ABOUT_TARGET or reason in _MISSING or reason.startswith("TRANSACTION_") or (fields and not any(is_of_source)):
        error.filename = str(target)
    else:
        error.filename, error.filename2 = str(source), str(target)
