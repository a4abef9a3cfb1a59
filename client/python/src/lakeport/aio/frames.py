"""Serialisation of messages with object data, without the copies that generated code makes.

The field `data` of `ReadResponse` and `WriteRequest` has the number 15, and lakeport sends it last. The data is then a slice of the
message.
"""

from __future__ import annotations

from typing import NamedTuple

from lakeport.v1 import files_pb2 as v1

_DATA = 15 << 3 | 2
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


class ReadFrame(NamedTuple):
    """A message of a download."""

    head: v1.ReadResponse
    """The message without its data."""
    data: memoryview


class WriteFrame(NamedTuple):
    """A message of an upload."""

    head: v1.WriteRequest
    """The message without its data."""
    data: memoryview


def read(message: bytes) -> ReadFrame:
    """Parses a message of a download, with its fields in any order."""
    at = _data_at(message)
    if at is not None:
        return ReadFrame(v1.ReadResponse.FromString(message[: at[0]]), memoryview(message)[at[1] :])
    whole = v1.ReadResponse.FromString(message)
    return ReadFrame(whole, memoryview(whole.data))


def write(frame: WriteFrame) -> bytes:
    """Serialises a message of an upload."""
    head = frame.head.SerializeToString()
    if not frame.data:
        return head
    return b"".join((head, bytes((_DATA,)), _varint(len(frame.data)), frame.data))


def _data_at(message: bytes) -> tuple[int, int] | None:
    """Returns the offset of the data field and the offset of the data, or None if they are not at the end of the message."""
    at, end = 0, len(message)
    while at < end:
        tag, start = _number(message, at)
        kind = tag & 7
        if kind == _BYTES:
            length, start = _number(message, start)
            if tag == _DATA:
                return (at, start) if start + length == end else None
            at = start + length
        elif kind == _VARINT:
            _, at = _number(message, start)
        elif kind in {_FIXED32, _FIXED64}:
            at = start + (4 if kind == _FIXED32 else 8)
        else:
            return None
    return None


def _number(message: bytes, at: int) -> tuple[int, int]:
    """Parses a varint. Returns the number and the offset after it."""
    value, shift = 0, 0
    while True:
        byte = message[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:  # noqa: PLR2004  (the continuation bit)
            return value, at
        shift += 7


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:  # noqa: PLR2004
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)
