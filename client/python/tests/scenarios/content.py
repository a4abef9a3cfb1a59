"""Contents that a scenario describes, and the comparison of results."""

from __future__ import annotations

from functools import cache
from typing import Any

_BLOCK = 65_521
_MASK = 0xFFFF_FFFF


@cache
def _block(seed: int) -> bytes:
    state, block = seed + 1, bytearray()
    for _ in range(_BLOCK):
        state ^= (state << 13) & _MASK
        state ^= state >> 17
        state ^= (state << 5) & _MASK
        block.append(state & 0xFF)
    return bytes(block)


def content(described: dict[str, Any]) -> bytes:
    """Returns the bytes that a scenario describes."""
    if "parts" in described:
        return b"".join(content(part) for part in described["parts"])
    if "text" in described:
        return str(described["text"]).encode()
    size, start = int(described["bytes"]), int(described.get("from", 0)) % _BLOCK
    block = _block(described.get("seed", 0))
    repeated: bytes = block * ((start + size) // _BLOCK + 1)
    return repeated[start : start + size]


def files(described: Any) -> list[dict[str, Any]]:
    """Returns a list of files, or of many files with equal contents."""
    if isinstance(described, list):
        return described
    return [{"path": path, "content": described["content"]} for path in paths(described)]


def paths(described: Any) -> list[str]:
    """Returns a list of paths, or of many numbered ones."""
    if isinstance(described, list):
        return described
    return [f"{described['prefix']}{index:05}" for index in range(described["count"])]


def difference(expected: Any, found: Any, at: str = "result") -> str | None:
    """Returns how a result differs from the expected one, or None."""
    if isinstance(found, bytes):
        return _other_bytes(content(expected), found, at)
    if isinstance(expected, dict):
        return _other_object(expected, found, at)
    if isinstance(expected, list):
        if not isinstance(found, list) or len(found) != len(expected):
            return f"{at} is {_short(found)}, not a list of {len(expected)}: {expected!r}"
        return _first(
            difference(wanted, item, f"{at}[{index}]") for index, (wanted, item) in enumerate(zip(expected, found, strict=True))
        )
    return None if expected == found else f"{at} is {_short(found)}, not {expected!r}"


def _other_object(expected: dict[str, Any], found: Any, at: str) -> str | None:
    match expected:
        case {"any": True}:
            matches = bool(found)
        case {"only": wanted}:
            matches = found == wanted
        case {"has": text}:
            matches = isinstance(found, str) and text in found
        case {"count": int(count)} if isinstance(found, list):
            matches = len(found) == count
        case {"each": wanted} if isinstance(found, list):
            return _first(difference(wanted, item, f"{at}[{index}]") for index, item in enumerate(found))
        case _ if isinstance(found, dict):
            return _first(difference(wanted, found.get(name), f"{at}.{name}") for name, wanted in expected.items())
        case _:
            matches = False
    return None if matches else f"{at} is {_short(found)}, not {expected!r}"


def _other_bytes(expected: bytes, found: bytes, at: str) -> str | None:
    if expected == found:
        return None
    first = next((index for index, pair in enumerate(zip(expected, found, strict=False)) if pair[0] != pair[1]), None)
    where = "" if first is None else f", and differs at offset {first}"
    return f"{at} has {len(found)} bytes, not {len(expected)}{where}"


def _first(differences: Any) -> str | None:
    return next((found for found in differences if found), None)


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) < 300 else f"{text[:300]}…"
