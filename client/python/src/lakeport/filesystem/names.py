"""Names in paths: which of them are patterns, what they name, and where copies of it go."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from glob import escape, has_magic
from typing import Any, TypeAlias

from fsspec.implementations.local import trailing_sep
from fsspec.utils import glob_translate, other_paths

from lakeport.errors import InvalidError
from lakeport.filesystem.listing import Infos, Listing, missing

Paths: TypeAlias = "str | os.PathLike[str] | Iterable[str]"
"""A path or a pattern, or several of them."""


@dataclass
class Named:
    """Names of what paths and patterns name. Both an object and a directory can have a name."""

    objects: set[str] = field(default_factory=set)
    folders: set[str] = field(default_factory=set)
    unchecked: set[str] = field(default_factory=set)
    """Paths that are not patterns. Whether they exist was not checked."""
    has_pattern: bool = False
    """Whether one of the paths is a pattern."""

    @property
    def sources(self) -> list[str]:
        """Names of what copies read: directories themselves are not copied, only the objects below them."""
        return sorted(self.objects | self.unchecked)

    @property
    def all(self) -> list[str]:
        return sorted(self.objects | self.folders | self.unchecked)


class Names(Listing):
    """`glob`, `expand_path`, and the sources and targets of copies."""

    async def _pattern(self, path: str) -> str | None:
        """Returns the glob pattern for a path, or None if the path is a name.

        A path is a name if an object or a directory has exactly this name. If one has exactly the name of a leading part, this part
        is literal: if `run[1]` exists, `run[1]/*` matches what is in it, and `run[1]/x` is a name.
        """
        where = self._parse(path)
        if not has_magic(str(where)):
            return None
        if not has_magic(where.root):
            for part, rest in pattern_parts(str(where)):
                if await self._info_or_none(part) is not None:
                    slash = "/" if path.endswith("/") else ""
                    return escape(part) + rest + slash if has_magic(rest) else None
        return path

    async def _matches(self, pattern: str, maxdepth: int | None = None) -> tuple[Infos, Infos]:
        """Returns the objects and the directories that match a pattern. With a trailing slash, only directories match."""
        name, slash = str(self._parse(pattern)), "/" if pattern.endswith("/") else ""
        stem = re.split(r"[*?[]", name, maxsplit=1)[0]
        root, _, prefix = stem.rpartition("/")
        depth: int | None = name.count("/", len(stem)) + 1
        if "**" in name:
            depth = None if maxdepth is None else name.count("/", len(stem), name.index("**")) + maxdepth
        objects, folders = await self._scan(root, depth, prefix, withdirs=True)
        matches = re.compile(glob_translate(name + slash)).match
        # A final `**` matches the directory above it, too.
        end = "/" if slash or name.endswith("/**") else ""
        return (
            {each: info for each, info in objects.items() if matches(each)},
            {each: info for each, info in folders.items() if matches(each + end)},
        )

    async def _glob(
        self, path: str, maxdepth: int | None = None, *, detail: bool = False, withdirs: bool = True, **_: object
    ) -> Any:
        """Finds what matches a pattern. If the path has no pattern characters, finds the path itself."""
        if maxdepth is not None and maxdepth < 1:
            message = "maxdepth must be at least 1"
            raise ValueError(message)
        found: Infos
        if has_magic(str(self._parse(path))):
            objects, folders = await self._matches(path, maxdepth)
            found = {**folders, **objects} if withdirs else objects
        else:
            info = await self._info_or_none(path)
            found = {} if info is None else {info["name"]: info}
        names = sorted(found)
        return {name: found[name] for name in names} if detail else names

    async def _expand_path(
        self,
        path: Paths,
        recursive: bool = False,
        maxdepth: int | None = None,
        *,
        assume_literal: bool = False,
        **_: object,
    ) -> list[str]:
        return (await self._expanded(path, recursive=recursive, maxdepth=maxdepth, is_literal=assume_literal)).all

    async def _expanded(
        self,
        path: Paths,
        *,
        recursive: bool = False,
        maxdepth: int | None = None,
        is_literal: bool = False,
        with_top: bool = False,
    ) -> Named:
        """Returns what paths and patterns name and, with `recursive`, everything below.

        With `with_top`, this includes an object that has the name of a directory above.
        """
        if maxdepth is not None and maxdepth < 1:
            message = "maxdepth must be at least 1"
            raise ValueError(message)
        named, paths = Named(), as_list(path)
        for each in paths:
            pattern = None if is_literal else await self._pattern(each)
            if pattern is not None:
                await self._add_matches(named, pattern, recursive=recursive, maxdepth=maxdepth)
            elif recursive:
                await self._add_below(named, each, maxdepth, with_top=with_top)
            else:
                named.unchecked.add(str(self._parse(each)))
        if not named.all:
            raise missing(self._parse((paths or [""])[0]))
        return named

    async def _add_matches(self, named: Named, pattern: str, *, recursive: bool, maxdepth: int | None) -> None:
        named.has_pattern = True
        objects, folders = await self._matches(pattern, maxdepth)
        named.objects |= objects.keys()
        named.folders |= folders.keys()
        if recursive and (maxdepth is None or maxdepth > 1):
            # The matches themselves are one level.
            deeper = None if maxdepth is None else maxdepth - 1
            for folder in folders:
                await self._add_below(named, f"{folder}/", deeper)

    async def _add_below(self, named: Named, path: str, maxdepth: int | None, *, with_top: bool = False) -> None:
        name = str(self._parse(path))
        objects, folders = await self._scan(name, maxdepth, withdirs=True)
        named.objects |= objects.keys()
        named.folders |= folders.keys()
        if not objects and not folders:
            if await self._info_or_none(f"{name}/") is not None:
                named.folders.add(name)
        elif with_top and name in folders and not path.endswith("/") and await self._object(self._parse(name)):
            named.objects.add(name)


def as_list(path: Paths) -> list[str]:
    """Returns several paths as a list, or one path as a list with one element."""
    return [os.fspath(path)] if isinstance(path, str | os.PathLike) else [os.fspath(each) for each in path]


def pattern_parts(name: str) -> Iterator[tuple[str, str]]:
    """Yields the leading parts of a path that end with a segment with pattern characters, longest first, and the rest."""
    for end in sorted((*(found.start() for found in re.finditer("/", name)), len(name)), reverse=True):
        if has_magic(name[:end].rpartition("/")[2]):
            yield name[:end], name[end:]


def targets(source: Paths, named: Named, target: str, *, top: str, is_whole: bool, into: bool) -> dict[str, str]:
    """Returns the target of each name in a copy, as in fsspec.

    `named` is what the source names, and `top` its path. With `is_whole`, the copy includes everything below the source. With
    `into`, the target is a directory.
    """
    names, base = named.all if is_whole else named.sources, target.rstrip("/")
    if not isinstance(source, str):
        return {name: f"{base}/{name.rpartition('/')[2]}" for name in names}
    if named.has_pattern:
        return dict(zip(names, other_paths(names, target, exists=len(names) == 1), strict=True)) if names else {}
    if into and not trailing_sep(source):
        base = f"{base}/{top.rpartition('/')[2]}"
    return {name: base + name.removeprefix(top) for name in names}


def distinct(pairs: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Returns pairs of source and target without repetitions. Raises `InvalidError` if two sources have the same target."""
    sources: dict[str, str] = {}
    for source, target in pairs:
        if sources.setdefault(target, source) != source:
            message = f"would be written to {target}, as would {sources[target]}: copy one of them to another name"
            raise InvalidError(message, filename=source)
    return list(dict.fromkeys(pairs))
