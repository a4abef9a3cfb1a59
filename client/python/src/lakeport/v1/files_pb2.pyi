import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.rpc import status_pb2 as _status_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class FileKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    FILE_KIND_UNSPECIFIED: _ClassVar[FileKind]
    FILE_KIND_OBJECT: _ClassVar[FileKind]
    FILE_KIND_PREFIX: _ClassVar[FileKind]
FILE_KIND_UNSPECIFIED: FileKind
FILE_KIND_OBJECT: FileKind
FILE_KIND_PREFIX: FileKind

class FileInfo(_message.Message):
    __slots__ = ("path", "kind", "size_bytes", "etag", "content_type", "metadata", "update_time", "commit_id")
    class MetadataEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    PATH_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    CONTENT_TYPE_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    UPDATE_TIME_FIELD_NUMBER: _ClassVar[int]
    COMMIT_ID_FIELD_NUMBER: _ClassVar[int]
    path: str
    kind: FileKind
    size_bytes: int
    etag: str
    content_type: str
    metadata: _containers.ScalarMap[str, str]
    update_time: _timestamp_pb2.Timestamp
    commit_id: str
    def __init__(self, path: _Optional[str] = ..., kind: _Optional[_Union[FileKind, str]] = ..., size_bytes: _Optional[int] = ..., etag: _Optional[str] = ..., content_type: _Optional[str] = ..., metadata: _Optional[_Mapping[str, str]] = ..., update_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., commit_id: _Optional[str] = ...) -> None: ...

class StatRequest(_message.Message):
    __slots__ = ("repository", "ref", "path", "transaction_id")
    REPOSITORY_FIELD_NUMBER: _ClassVar[int]
    REF_FIELD_NUMBER: _ClassVar[int]
    PATH_FIELD_NUMBER: _ClassVar[int]
    TRANSACTION_ID_FIELD_NUMBER: _ClassVar[int]
    repository: str
    ref: str
    path: str
    transaction_id: str
    def __init__(self, repository: _Optional[str] = ..., ref: _Optional[str] = ..., path: _Optional[str] = ..., transaction_id: _Optional[str] = ...) -> None: ...

class StatResponse(_message.Message):
    __slots__ = ("info",)
    INFO_FIELD_NUMBER: _ClassVar[int]
    info: FileInfo
    def __init__(self, info: _Optional[_Union[FileInfo, _Mapping]] = ...) -> None: ...

class ReadRequest(_message.Message):
    __slots__ = ("repository", "ref", "path", "transaction_id", "read_offset", "read_limit", "ranges", "if_match", "if_none_match", "checksum")
    REPOSITORY_FIELD_NUMBER: _ClassVar[int]
    REF_FIELD_NUMBER: _ClassVar[int]
    PATH_FIELD_NUMBER: _ClassVar[int]
    TRANSACTION_ID_FIELD_NUMBER: _ClassVar[int]
    READ_OFFSET_FIELD_NUMBER: _ClassVar[int]
    READ_LIMIT_FIELD_NUMBER: _ClassVar[int]
    RANGES_FIELD_NUMBER: _ClassVar[int]
    IF_MATCH_FIELD_NUMBER: _ClassVar[int]
    IF_NONE_MATCH_FIELD_NUMBER: _ClassVar[int]
    CHECKSUM_FIELD_NUMBER: _ClassVar[int]
    repository: str
    ref: str
    path: str
    transaction_id: str
    read_offset: int
    read_limit: int
    ranges: _containers.RepeatedCompositeFieldContainer[ReadRange]
    if_match: str
    if_none_match: str
    checksum: bool
    def __init__(self, repository: _Optional[str] = ..., ref: _Optional[str] = ..., path: _Optional[str] = ..., transaction_id: _Optional[str] = ..., read_offset: _Optional[int] = ..., read_limit: _Optional[int] = ..., ranges: _Optional[_Iterable[_Union[ReadRange, _Mapping]]] = ..., if_match: _Optional[str] = ..., if_none_match: _Optional[str] = ..., checksum: bool = ...) -> None: ...

class ReadRange(_message.Message):
    __slots__ = ("read_offset", "read_limit")
    READ_OFFSET_FIELD_NUMBER: _ClassVar[int]
    READ_LIMIT_FIELD_NUMBER: _ClassVar[int]
    read_offset: int
    read_limit: int
    def __init__(self, read_offset: _Optional[int] = ..., read_limit: _Optional[int] = ...) -> None: ...

class ReadResponse(_message.Message):
    __slots__ = ("info", "offset", "range_index", "range_status", "crc32c", "data")
    INFO_FIELD_NUMBER: _ClassVar[int]
    OFFSET_FIELD_NUMBER: _ClassVar[int]
    RANGE_INDEX_FIELD_NUMBER: _ClassVar[int]
    RANGE_STATUS_FIELD_NUMBER: _ClassVar[int]
    CRC32C_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    info: FileInfo
    offset: int
    range_index: int
    range_status: _status_pb2.Status
    crc32c: int
    data: bytes
    def __init__(self, info: _Optional[_Union[FileInfo, _Mapping]] = ..., offset: _Optional[int] = ..., range_index: _Optional[int] = ..., range_status: _Optional[_Union[_status_pb2.Status, _Mapping]] = ..., crc32c: _Optional[int] = ..., data: _Optional[bytes] = ...) -> None: ...

class WriteRequest(_message.Message):
    __slots__ = ("repository", "ref", "path", "transaction_id", "content_type", "metadata", "size_bytes", "if_none_match", "write_id", "object_crc32c", "object_md5", "write_offset", "crc32c", "finish_write", "data")
    class MetadataEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    REPOSITORY_FIELD_NUMBER: _ClassVar[int]
    REF_FIELD_NUMBER: _ClassVar[int]
    PATH_FIELD_NUMBER: _ClassVar[int]
    TRANSACTION_ID_FIELD_NUMBER: _ClassVar[int]
    CONTENT_TYPE_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    IF_NONE_MATCH_FIELD_NUMBER: _ClassVar[int]
    WRITE_ID_FIELD_NUMBER: _ClassVar[int]
    OBJECT_CRC32C_FIELD_NUMBER: _ClassVar[int]
    OBJECT_MD5_FIELD_NUMBER: _ClassVar[int]
    WRITE_OFFSET_FIELD_NUMBER: _ClassVar[int]
    CRC32C_FIELD_NUMBER: _ClassVar[int]
    FINISH_WRITE_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    repository: str
    ref: str
    path: str
    transaction_id: str
    content_type: str
    metadata: _containers.ScalarMap[str, str]
    size_bytes: int
    if_none_match: str
    write_id: str
    object_crc32c: int
    object_md5: bytes
    write_offset: int
    crc32c: int
    finish_write: bool
    data: bytes
    def __init__(self, repository: _Optional[str] = ..., ref: _Optional[str] = ..., path: _Optional[str] = ..., transaction_id: _Optional[str] = ..., content_type: _Optional[str] = ..., metadata: _Optional[_Mapping[str, str]] = ..., size_bytes: _Optional[int] = ..., if_none_match: _Optional[str] = ..., write_id: _Optional[str] = ..., object_crc32c: _Optional[int] = ..., object_md5: _Optional[bytes] = ..., write_offset: _Optional[int] = ..., crc32c: _Optional[int] = ..., finish_write: bool = ..., data: _Optional[bytes] = ...) -> None: ...

class WriteResponse(_message.Message):
    __slots__ = ("info",)
    INFO_FIELD_NUMBER: _ClassVar[int]
    info: FileInfo
    def __init__(self, info: _Optional[_Union[FileInfo, _Mapping]] = ...) -> None: ...

class ListRequest(_message.Message):
    __slots__ = ("repository", "ref", "prefix", "transaction_id", "delimiter", "match_glob", "max_depth", "limit", "page_token")
    REPOSITORY_FIELD_NUMBER: _ClassVar[int]
    REF_FIELD_NUMBER: _ClassVar[int]
    PREFIX_FIELD_NUMBER: _ClassVar[int]
    TRANSACTION_ID_FIELD_NUMBER: _ClassVar[int]
    DELIMITER_FIELD_NUMBER: _ClassVar[int]
    MATCH_GLOB_FIELD_NUMBER: _ClassVar[int]
    MAX_DEPTH_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    repository: str
    ref: str
    prefix: str
    transaction_id: str
    delimiter: str
    match_glob: str
    max_depth: int
    limit: int
    page_token: str
    def __init__(self, repository: _Optional[str] = ..., ref: _Optional[str] = ..., prefix: _Optional[str] = ..., transaction_id: _Optional[str] = ..., delimiter: _Optional[str] = ..., match_glob: _Optional[str] = ..., max_depth: _Optional[int] = ..., limit: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListResponse(_message.Message):
    __slots__ = ("entries", "next_page_token", "commit_id")
    ENTRIES_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    COMMIT_ID_FIELD_NUMBER: _ClassVar[int]
    entries: _containers.RepeatedCompositeFieldContainer[FileInfo]
    next_page_token: str
    commit_id: str
    def __init__(self, entries: _Optional[_Iterable[_Union[FileInfo, _Mapping]]] = ..., next_page_token: _Optional[str] = ..., commit_id: _Optional[str] = ...) -> None: ...

class DeleteRequest(_message.Message):
    __slots__ = ("repository", "ref", "path", "transaction_id", "paths", "recursive", "allow_missing")
    REPOSITORY_FIELD_NUMBER: _ClassVar[int]
    REF_FIELD_NUMBER: _ClassVar[int]
    PATH_FIELD_NUMBER: _ClassVar[int]
    TRANSACTION_ID_FIELD_NUMBER: _ClassVar[int]
    PATHS_FIELD_NUMBER: _ClassVar[int]
    RECURSIVE_FIELD_NUMBER: _ClassVar[int]
    ALLOW_MISSING_FIELD_NUMBER: _ClassVar[int]
    repository: str
    ref: str
    path: str
    transaction_id: str
    paths: _containers.RepeatedScalarFieldContainer[str]
    recursive: bool
    allow_missing: bool
    def __init__(self, repository: _Optional[str] = ..., ref: _Optional[str] = ..., path: _Optional[str] = ..., transaction_id: _Optional[str] = ..., paths: _Optional[_Iterable[str]] = ..., recursive: bool = ..., allow_missing: bool = ...) -> None: ...

class DeleteResponse(_message.Message):
    __slots__ = ("deleted_count", "failures")
    DELETED_COUNT_FIELD_NUMBER: _ClassVar[int]
    FAILURES_FIELD_NUMBER: _ClassVar[int]
    deleted_count: int
    failures: _containers.RepeatedCompositeFieldContainer[PathStatus]
    def __init__(self, deleted_count: _Optional[int] = ..., failures: _Optional[_Iterable[_Union[PathStatus, _Mapping]]] = ...) -> None: ...

class PathStatus(_message.Message):
    __slots__ = ("path", "status")
    PATH_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    path: str
    status: _status_pb2.Status
    def __init__(self, path: _Optional[str] = ..., status: _Optional[_Union[_status_pb2.Status, _Mapping]] = ...) -> None: ...

class CopyRequest(_message.Message):
    __slots__ = ("repository", "ref", "path", "transaction_id", "source_ref", "source_path", "recursive", "source_repository")
    REPOSITORY_FIELD_NUMBER: _ClassVar[int]
    REF_FIELD_NUMBER: _ClassVar[int]
    PATH_FIELD_NUMBER: _ClassVar[int]
    TRANSACTION_ID_FIELD_NUMBER: _ClassVar[int]
    SOURCE_REF_FIELD_NUMBER: _ClassVar[int]
    SOURCE_PATH_FIELD_NUMBER: _ClassVar[int]
    RECURSIVE_FIELD_NUMBER: _ClassVar[int]
    SOURCE_REPOSITORY_FIELD_NUMBER: _ClassVar[int]
    repository: str
    ref: str
    path: str
    transaction_id: str
    source_ref: str
    source_path: str
    recursive: bool
    source_repository: str
    def __init__(self, repository: _Optional[str] = ..., ref: _Optional[str] = ..., path: _Optional[str] = ..., transaction_id: _Optional[str] = ..., source_ref: _Optional[str] = ..., source_path: _Optional[str] = ..., recursive: bool = ..., source_repository: _Optional[str] = ...) -> None: ...

class CopyResponse(_message.Message):
    __slots__ = ("paths", "failures")
    PATHS_FIELD_NUMBER: _ClassVar[int]
    FAILURES_FIELD_NUMBER: _ClassVar[int]
    paths: _containers.RepeatedScalarFieldContainer[str]
    failures: _containers.RepeatedCompositeFieldContainer[PathStatus]
    def __init__(self, paths: _Optional[_Iterable[str]] = ..., failures: _Optional[_Iterable[_Union[PathStatus, _Mapping]]] = ...) -> None: ...

class MoveRequest(_message.Message):
    __slots__ = ("repository", "ref", "path", "transaction_id", "source_path", "recursive")
    REPOSITORY_FIELD_NUMBER: _ClassVar[int]
    REF_FIELD_NUMBER: _ClassVar[int]
    PATH_FIELD_NUMBER: _ClassVar[int]
    TRANSACTION_ID_FIELD_NUMBER: _ClassVar[int]
    SOURCE_PATH_FIELD_NUMBER: _ClassVar[int]
    RECURSIVE_FIELD_NUMBER: _ClassVar[int]
    repository: str
    ref: str
    path: str
    transaction_id: str
    source_path: str
    recursive: bool
    def __init__(self, repository: _Optional[str] = ..., ref: _Optional[str] = ..., path: _Optional[str] = ..., transaction_id: _Optional[str] = ..., source_path: _Optional[str] = ..., recursive: bool = ...) -> None: ...

class MoveResponse(_message.Message):
    __slots__ = ("paths", "failures")
    PATHS_FIELD_NUMBER: _ClassVar[int]
    FAILURES_FIELD_NUMBER: _ClassVar[int]
    paths: _containers.RepeatedScalarFieldContainer[str]
    failures: _containers.RepeatedCompositeFieldContainer[PathStatus]
    def __init__(self, paths: _Optional[_Iterable[str]] = ..., failures: _Optional[_Iterable[_Union[PathStatus, _Mapping]]] = ...) -> None: ...

class ComposeRequest(_message.Message):
    __slots__ = ("repository", "ref", "path", "transaction_id", "content_type", "metadata", "size_bytes", "if_none_match", "object_crc32c", "source_paths", "source_ref", "source_transaction_id", "delete_sources", "request_id")
    class MetadataEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    REPOSITORY_FIELD_NUMBER: _ClassVar[int]
    REF_FIELD_NUMBER: _ClassVar[int]
    PATH_FIELD_NUMBER: _ClassVar[int]
    TRANSACTION_ID_FIELD_NUMBER: _ClassVar[int]
    CONTENT_TYPE_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    IF_NONE_MATCH_FIELD_NUMBER: _ClassVar[int]
    OBJECT_CRC32C_FIELD_NUMBER: _ClassVar[int]
    SOURCE_PATHS_FIELD_NUMBER: _ClassVar[int]
    SOURCE_REF_FIELD_NUMBER: _ClassVar[int]
    SOURCE_TRANSACTION_ID_FIELD_NUMBER: _ClassVar[int]
    DELETE_SOURCES_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    repository: str
    ref: str
    path: str
    transaction_id: str
    content_type: str
    metadata: _containers.ScalarMap[str, str]
    size_bytes: int
    if_none_match: str
    object_crc32c: int
    source_paths: _containers.RepeatedScalarFieldContainer[str]
    source_ref: str
    source_transaction_id: str
    delete_sources: bool
    request_id: str
    def __init__(self, repository: _Optional[str] = ..., ref: _Optional[str] = ..., path: _Optional[str] = ..., transaction_id: _Optional[str] = ..., content_type: _Optional[str] = ..., metadata: _Optional[_Mapping[str, str]] = ..., size_bytes: _Optional[int] = ..., if_none_match: _Optional[str] = ..., object_crc32c: _Optional[int] = ..., source_paths: _Optional[_Iterable[str]] = ..., source_ref: _Optional[str] = ..., source_transaction_id: _Optional[str] = ..., delete_sources: bool = ..., request_id: _Optional[str] = ...) -> None: ...

class ComposeResponse(_message.Message):
    __slots__ = ("composed_bytes", "info")
    COMPOSED_BYTES_FIELD_NUMBER: _ClassVar[int]
    INFO_FIELD_NUMBER: _ClassVar[int]
    composed_bytes: int
    info: FileInfo
    def __init__(self, composed_bytes: _Optional[int] = ..., info: _Optional[_Union[FileInfo, _Mapping]] = ...) -> None: ...

class BatchStatRequest(_message.Message):
    __slots__ = ("repository", "ref", "transaction_id", "paths")
    REPOSITORY_FIELD_NUMBER: _ClassVar[int]
    REF_FIELD_NUMBER: _ClassVar[int]
    TRANSACTION_ID_FIELD_NUMBER: _ClassVar[int]
    PATHS_FIELD_NUMBER: _ClassVar[int]
    repository: str
    ref: str
    transaction_id: str
    paths: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, repository: _Optional[str] = ..., ref: _Optional[str] = ..., transaction_id: _Optional[str] = ..., paths: _Optional[_Iterable[str]] = ...) -> None: ...

class BatchStatResponse(_message.Message):
    __slots__ = ("items",)
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    items: _containers.RepeatedCompositeFieldContainer[BatchStatItem]
    def __init__(self, items: _Optional[_Iterable[_Union[BatchStatItem, _Mapping]]] = ...) -> None: ...

class BatchStatItem(_message.Message):
    __slots__ = ("index", "status", "info")
    INDEX_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    INFO_FIELD_NUMBER: _ClassVar[int]
    index: int
    status: _status_pb2.Status
    info: FileInfo
    def __init__(self, index: _Optional[int] = ..., status: _Optional[_Union[_status_pb2.Status, _Mapping]] = ..., info: _Optional[_Union[FileInfo, _Mapping]] = ...) -> None: ...

class BatchReadRequest(_message.Message):
    __slots__ = ("repository", "ref", "transaction_id", "paths")
    REPOSITORY_FIELD_NUMBER: _ClassVar[int]
    REF_FIELD_NUMBER: _ClassVar[int]
    TRANSACTION_ID_FIELD_NUMBER: _ClassVar[int]
    PATHS_FIELD_NUMBER: _ClassVar[int]
    repository: str
    ref: str
    transaction_id: str
    paths: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, repository: _Optional[str] = ..., ref: _Optional[str] = ..., transaction_id: _Optional[str] = ..., paths: _Optional[_Iterable[str]] = ...) -> None: ...

class BatchReadResponse(_message.Message):
    __slots__ = ("items",)
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    items: _containers.RepeatedCompositeFieldContainer[BatchReadItem]
    def __init__(self, items: _Optional[_Iterable[_Union[BatchReadItem, _Mapping]]] = ...) -> None: ...

class BatchReadItem(_message.Message):
    __slots__ = ("index", "status", "info", "crc32c", "data")
    INDEX_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    INFO_FIELD_NUMBER: _ClassVar[int]
    CRC32C_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    index: int
    status: _status_pb2.Status
    info: FileInfo
    crc32c: int
    data: bytes
    def __init__(self, index: _Optional[int] = ..., status: _Optional[_Union[_status_pb2.Status, _Mapping]] = ..., info: _Optional[_Union[FileInfo, _Mapping]] = ..., crc32c: _Optional[int] = ..., data: _Optional[bytes] = ...) -> None: ...

class BatchWriteRequest(_message.Message):
    __slots__ = ("repository", "ref", "transaction_id", "items")
    REPOSITORY_FIELD_NUMBER: _ClassVar[int]
    REF_FIELD_NUMBER: _ClassVar[int]
    TRANSACTION_ID_FIELD_NUMBER: _ClassVar[int]
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    repository: str
    ref: str
    transaction_id: str
    items: _containers.RepeatedCompositeFieldContainer[BatchWriteItem]
    def __init__(self, repository: _Optional[str] = ..., ref: _Optional[str] = ..., transaction_id: _Optional[str] = ..., items: _Optional[_Iterable[_Union[BatchWriteItem, _Mapping]]] = ...) -> None: ...

class BatchWriteItem(_message.Message):
    __slots__ = ("path", "content_type", "metadata", "if_none_match", "write_id", "crc32c", "data")
    class MetadataEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    PATH_FIELD_NUMBER: _ClassVar[int]
    CONTENT_TYPE_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    IF_NONE_MATCH_FIELD_NUMBER: _ClassVar[int]
    WRITE_ID_FIELD_NUMBER: _ClassVar[int]
    CRC32C_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    path: str
    content_type: str
    metadata: _containers.ScalarMap[str, str]
    if_none_match: str
    write_id: str
    crc32c: int
    data: bytes
    def __init__(self, path: _Optional[str] = ..., content_type: _Optional[str] = ..., metadata: _Optional[_Mapping[str, str]] = ..., if_none_match: _Optional[str] = ..., write_id: _Optional[str] = ..., crc32c: _Optional[int] = ..., data: _Optional[bytes] = ...) -> None: ...

class BatchWriteResponse(_message.Message):
    __slots__ = ("results",)
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    results: _containers.RepeatedCompositeFieldContainer[BatchWriteResult]
    def __init__(self, results: _Optional[_Iterable[_Union[BatchWriteResult, _Mapping]]] = ...) -> None: ...

class BatchWriteResult(_message.Message):
    __slots__ = ("status", "info")
    STATUS_FIELD_NUMBER: _ClassVar[int]
    INFO_FIELD_NUMBER: _ClassVar[int]
    status: _status_pb2.Status
    info: FileInfo
    def __init__(self, status: _Optional[_Union[_status_pb2.Status, _Mapping]] = ..., info: _Optional[_Union[FileInfo, _Mapping]] = ...) -> None: ...

class SetMetadataRequest(_message.Message):
    __slots__ = ("repository", "ref", "path", "transaction_id", "metadata")
    class MetadataEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    REPOSITORY_FIELD_NUMBER: _ClassVar[int]
    REF_FIELD_NUMBER: _ClassVar[int]
    PATH_FIELD_NUMBER: _ClassVar[int]
    TRANSACTION_ID_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    repository: str
    ref: str
    path: str
    transaction_id: str
    metadata: _containers.ScalarMap[str, str]
    def __init__(self, repository: _Optional[str] = ..., ref: _Optional[str] = ..., path: _Optional[str] = ..., transaction_id: _Optional[str] = ..., metadata: _Optional[_Mapping[str, str]] = ...) -> None: ...

class SetMetadataResponse(_message.Message):
    __slots__ = ("info",)
    INFO_FIELD_NUMBER: _ClassVar[int]
    info: FileInfo
    def __init__(self, info: _Optional[_Union[FileInfo, _Mapping]] = ...) -> None: ...

class PresignRequest(_message.Message):
    __slots__ = ("repository", "ref", "path", "transaction_id")
    REPOSITORY_FIELD_NUMBER: _ClassVar[int]
    REF_FIELD_NUMBER: _ClassVar[int]
    PATH_FIELD_NUMBER: _ClassVar[int]
    TRANSACTION_ID_FIELD_NUMBER: _ClassVar[int]
    repository: str
    ref: str
    path: str
    transaction_id: str
    def __init__(self, repository: _Optional[str] = ..., ref: _Optional[str] = ..., path: _Optional[str] = ..., transaction_id: _Optional[str] = ...) -> None: ...

class PresignResponse(_message.Message):
    __slots__ = ("url", "expire_time")
    URL_FIELD_NUMBER: _ClassVar[int]
    EXPIRE_TIME_FIELD_NUMBER: _ClassVar[int]
    url: str
    expire_time: _timestamp_pb2.Timestamp
    def __init__(self, url: _Optional[str] = ..., expire_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class GetServerInfoRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetServerInfoResponse(_message.Message):
    __slots__ = ("version", "lakefs_version", "embedded", "presign", "max_message_bytes", "max_batch_items")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    LAKEFS_VERSION_FIELD_NUMBER: _ClassVar[int]
    EMBEDDED_FIELD_NUMBER: _ClassVar[int]
    PRESIGN_FIELD_NUMBER: _ClassVar[int]
    MAX_MESSAGE_BYTES_FIELD_NUMBER: _ClassVar[int]
    MAX_BATCH_ITEMS_FIELD_NUMBER: _ClassVar[int]
    version: str
    lakefs_version: str
    embedded: bool
    presign: bool
    max_message_bytes: int
    max_batch_items: int
    def __init__(self, version: _Optional[str] = ..., lakefs_version: _Optional[str] = ..., embedded: bool = ..., presign: bool = ..., max_message_bytes: _Optional[int] = ..., max_batch_items: _Optional[int] = ...) -> None: ...
