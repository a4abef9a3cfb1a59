"""Exceptions for failed calls. Only this module decodes `google.rpc.Status`.

Every failure is a `LakeportError`, which is an `OSError` with an errno. Where Python has an exception with the same meaning, the
class also derives from it, so `except FileNotFoundError` works as it does for files.
"""

from __future__ import annotations

import errno
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import grpc
from google.rpc import error_details_pb2, status_pb2

from lakeport.hints import hint

if TYPE_CHECKING:
    from collections.abc import Iterable

    from grpc import aio

_DETAILS = "grpc-status-details-bin"
_DOMAIN = "lakeport.dev"


@dataclass(frozen=True)
class FieldViolation:
    """An invalid field of a request, and the reason."""

    field: str
    description: str


class LakeportError(OSError):
    """A failed call. The message is for people; `code` and `reason` are for programs."""

    _errno: ClassVar[int] = errno.EIO
    _code: ClassVar[grpc.StatusCode] = grpc.StatusCode.UNKNOWN

    code: grpc.StatusCode
    """gRPC status code."""
    reason: str | None
    """Specific failure, a name from the API's `ErrorReason`; `None` if no server reported it."""
    retry_delay: float | None
    """Seconds that the server asks the caller to wait before a retry; `None` if it does not say."""
    field_violations: tuple[FieldViolation, ...]
    """Invalid fields of the request."""
    paths: tuple[str, ...]
    """Paths because of which the call failed, such as the first ten paths in conflict."""

    def __init__(
        self,
        message: str,
        code: grpc.StatusCode | None = None,
        reason: str | None = None,
        retry_delay: float | None = None,
        field_violations: Iterable[FieldViolation] = (),
        filename: str | None = None,
        filename2: str | None = None,
        paths: Iterable[str] = (),
    ) -> None:
        super().__init__(self._errno, message)
        self.code = code or self._code
        self.reason = reason
        self.retry_delay = retry_delay
        self.field_violations = tuple(field_violations)
        self.filename = filename
        self.filename2 = filename2
        self.paths = tuple(paths)

    def __str__(self) -> str:
        text = str(self.strerror)
        if self.filename2:
            text = f"{self.filename} -> {self.filename2}: {text}"
        elif self.filename and not text.endswith(repr(self.filename)):
            text = f"{self.filename}: {text}"
        return text if self.reason is None else f"{text} ({self.reason})"

    def __reduce__(self) -> tuple[type[LakeportError], tuple[object, ...]]:
        details = (self.code, self.reason, self.retry_delay, self.field_violations, self.filename, self.filename2, self.paths)
        return type(self), (self.strerror, *details)


class NotFoundError(LakeportError, FileNotFoundError):
    """The repository, ref, object or transaction does not exist."""

    _errno = errno.ENOENT
    _code = grpc.StatusCode.NOT_FOUND


class ExistsError(LakeportError, FileExistsError):
    """The repository, branch, tag, object or transaction already exists."""

    _errno = errno.EEXIST
    _code = grpc.StatusCode.ALREADY_EXISTS


class DeniedError(LakeportError, PermissionError):
    """The credentials are missing, wrong or insufficient, or the target is read-only, such as a tag or a commit."""

    _errno = errno.EACCES
    _code = grpc.StatusCode.PERMISSION_DENIED


class InvalidError(LakeportError, ValueError):
    """The request is invalid."""

    _errno = errno.EINVAL
    _code = grpc.StatusCode.INVALID_ARGUMENT


class FolderError(LakeportError, IsADirectoryError):
    """The path names a directory (a prefix of objects, a ref or a repository), but an object is required."""

    _errno = errno.EISDIR
    _code = grpc.StatusCode.INVALID_ARGUMENT


class NoFolderError(LakeportError, NotADirectoryError):
    """The path names an object, but a directory is required."""

    _errno = errno.ENOTDIR
    _code = grpc.StatusCode.INVALID_ARGUMENT


class ConflictError(LakeportError):
    """The state on the server conflicts with the request: a merge conflict, a changed object, a transaction that is not open."""

    _errno = errno.EBUSY
    _code = grpc.StatusCode.FAILED_PRECONDITION


class BusyError(LakeportError):
    """The caller has reached the server's limit for concurrent calls or open transactions."""

    _errno = errno.EBUSY
    _code = grpc.StatusCode.RESOURCE_EXHAUSTED


class StorageFullError(LakeportError):
    """The disk of the server is full. The call stored nothing."""

    _errno = errno.ENOSPC
    _code = grpc.StatusCode.RESOURCE_EXHAUSTED


class TimedOutError(LakeportError, TimeoutError):
    """The deadline expired. The server may have executed the request."""

    _errno = errno.ETIMEDOUT
    _code = grpc.StatusCode.DEADLINE_EXCEEDED


class UnavailableError(LakeportError, ConnectionError):
    """The server does not respond, or the outcome of the call is not known yet: retry it."""

    _errno = errno.ECONNREFUSED
    _code = grpc.StatusCode.UNAVAILABLE


class CorruptError(LakeportError):
    """Data was lost, or differs from the data that was sent."""

    _errno = errno.EIO
    _code = grpc.StatusCode.DATA_LOSS


class UnsupportedError(LakeportError, NotImplementedError):
    """The server, or its object store, does not support the operation."""

    _errno = errno.ENOTSUP
    _code = grpc.StatusCode.UNIMPLEMENTED


_KINDS: dict[grpc.StatusCode, type[LakeportError]] = {
    grpc.StatusCode.NOT_FOUND: NotFoundError,
    grpc.StatusCode.ALREADY_EXISTS: ExistsError,
    grpc.StatusCode.PERMISSION_DENIED: DeniedError,
    grpc.StatusCode.UNAUTHENTICATED: DeniedError,
    grpc.StatusCode.INVALID_ARGUMENT: InvalidError,
    grpc.StatusCode.OUT_OF_RANGE: InvalidError,
    grpc.StatusCode.FAILED_PRECONDITION: ConflictError,
    grpc.StatusCode.ABORTED: ConflictError,
    grpc.StatusCode.RESOURCE_EXHAUSTED: BusyError,
    grpc.StatusCode.DEADLINE_EXCEEDED: TimedOutError,
    grpc.StatusCode.UNAVAILABLE: UnavailableError,
    grpc.StatusCode.DATA_LOSS: CorruptError,
    grpc.StatusCode.UNIMPLEMENTED: UnsupportedError,
}
_REASONS: dict[str, type[LakeportError]] = {
    "STORAGE_FULL": StorageFullError,
    # Writes to a read-only target: Python reports those as a permission error.
    "REF_NOT_A_BRANCH": DeniedError,
    "TRANSACTION_READ_ONLY": DeniedError,
}
_CODES = {code.value[0]: code for code in grpc.StatusCode}


def of_call(error: aio.AioRpcError, server: str) -> LakeportError:
    """Converts the error of a call to the server with this name."""
    trailers: Any = error.trailing_metadata() or ()
    for key, value in trailers:
        if key == _DETAILS and isinstance(value, bytes):
            status = status_pb2.Status.FromString(value)
            if status.code == error.code().value[0]:
                return of_status(status)
    # Errors of lakeport carry a reason. Without one, the connection failed, or a proxy between client and server.
    kind = _KINDS.get(error.code(), UnavailableError)
    if kind is UnsupportedError:
        what = "does not know this call: its version differs from that of this client"
    else:
        what = "did not respond" if error.code() is grpc.StatusCode.UNAVAILABLE else "failed"
    other = hint() if error.code() is grpc.StatusCode.UNAVAILABLE else ""
    return kind(f"{server} {what}: {error.details() or error.code().name}{other}", error.code())


def of_status(status: status_pb2.Status, filename: str | None = None) -> LakeportError:
    """Converts a status in a response, such as that of one item of a batch."""
    reason, delay, violations, paths = None, None, list[FieldViolation](), list[str]()
    for detail in status.details:
        info, bad, retry = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest(), error_details_pb2.RetryInfo()
        precondition = error_details_pb2.PreconditionFailure()
        if detail.Unpack(info) and info.domain == _DOMAIN:
            reason = info.reason
        elif detail.Unpack(bad):
            violations = [FieldViolation(found.field, found.description) for found in bad.field_violations]
        elif detail.Unpack(retry):
            delay = retry.retry_delay.ToTimedelta().total_seconds()
        elif detail.Unpack(precondition):
            paths = [found.subject for found in precondition.violations]
    code = _CODES.get(status.code, grpc.StatusCode.UNKNOWN)
    kind = _REASONS.get(reason or "") or _KINDS.get(code, LakeportError)
    return kind(status.message, code, reason, delay, violations, filename, paths=paths)


HTTP_CODE_TO_ERROR: dict[int, type[LakeportError]] = {
    400: InvalidError,
    401: DeniedError,
    403: DeniedError,
    404: NotFoundError,
    409: ConflictError,
    410: NotFoundError,
    412: ConflictError,
    416: InvalidError,
    420: BusyError,
    429: BusyError,
    501: UnsupportedError,
    503: UnavailableError,
}
"""Exceptions for the HTTP status codes of lakeFS's REST API, for programs that also use lakeFS's own SDK."""


def translate_lakefs_error(
    error: Any,  # noqa: ANN401  (an exception of lakeFS's SDK, which need not be installed)
    rpath: str | None = None,
    message: str | None = None,
    set_cause: bool = True,  # noqa: FBT001, FBT002  (as in lakefs-spec)
) -> OSError:
    """Converts an exception of lakeFS's SDK, with the signature of the function in `lakefs_spec.errors`."""
    status = getattr(error, "status_code", None) or 0
    body = getattr(error, "body", None)
    text = (body.get("message") if isinstance(body, dict) else None) or getattr(error, "reason", None) or ""
    where = f": {rpath!r}" if rpath else ""
    found = HTTP_CODE_TO_ERROR.get(status, LakeportError)(message or f"{status} {text}".rstrip() + where, filename=rpath)
    if set_cause:
        found.__cause__ = error
    return found
