"""Bytes on their way in and out of messages, without the copies that generated code makes of them.

The field `data` of `ReadResponse` and `WriteRequest` has the number 15, and lakeport sends it last:
then it is a slice of the message.
"""

from __future__ import annotations

from typing import NamedTuple

from lakeport.v1 import files_pb2 as v1

_DATA = 15 << 3 | 2
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


class Answer(NamedTuple):
    """A message of a download."""

    head: v1.ReadResponse
    """All of it but its data."""
    data: memoryview


class Piece(NamedTuple):
    """A message of an upload."""

    head: v1.WriteRequest
    """All of it but its data."""
    data: memoryview


def read(message: bytes) -> Answer:
    """A message of a download, whatever the order of its fields."""
    at = _data_at(message)
    if at is not None:
        return Answer(v1.ReadResponse.FromString(message[: at[0]]), memoryview(message)[at[1] :])
    whole = v1.ReadResponse.FromString(message)
    return Answer(whole, memoryview(whole.data))


def write(piece: Piece) -> bytes:
    """A message of an upload, as it is sent."""
    head = piece.head.SerializeToString()
    if not piece.data:
        return head
    return b"".join((head, bytes((_DATA,)), _varint(len(piece.data)), piece.data))


def _data_at(message: bytes) -> tuple[int, int] | None:
    """Where the field of the data begins, and where the data, if they are the end of the message."""
    at, end = 0, len(message)
    while at < end:
        tag, behind = _number(message, at)
        kind = tag & 7
        if kind == _BYTES:
            length, start = _number(message, behind)
            if tag == _DATA:
                return (at, start) if start + length == end else None
            at = start + length
        elif kind == _VARINT:
            _, at = _number(message, behind)
        elif kind in {_FIXED32, _FIXED64}:
            at = behind + (4 if kind == _FIXED32 else 8)
        else:
            return None
    return None


def _number(message: bytes, at: int) -> tuple[int, int]:
    """A number and what stands behind it."""
    value, shift = 0, 0
    while True:
        byte = message[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:  # noqa: PLR2004  (the bit that says that more follows)
            return value, at
        shift += 7


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:  # noqa: PLR2004
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)
