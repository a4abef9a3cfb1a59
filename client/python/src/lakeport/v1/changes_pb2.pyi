from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class PathChange(_message.Message):
    __slots__ = ("path", "kind", "size_bytes")
    class Kind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        KIND_UNSPECIFIED: _ClassVar[PathChange.Kind]
        KIND_ADDED: _ClassVar[PathChange.Kind]
        KIND_CHANGED: _ClassVar[PathChange.Kind]
        KIND_REMOVED: _ClassVar[PathChange.Kind]
        KIND_CONFLICT: _ClassVar[PathChange.Kind]
    KIND_UNSPECIFIED: PathChange.Kind
    KIND_ADDED: PathChange.Kind
    KIND_CHANGED: PathChange.Kind
    KIND_REMOVED: PathChange.Kind
    KIND_CONFLICT: PathChange.Kind
    PATH_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    path: str
    kind: PathChange.Kind
    size_bytes: int
    def __init__(self, path: _Optional[str] = ..., kind: _Optional[_Union[PathChange.Kind, str]] = ..., size_bytes: _Optional[int] = ...) -> None: ...
