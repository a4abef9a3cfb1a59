"""What a failed call means: the one file that undoes `google.rpc.Status`.

Every failure is a `LakeportError`, and so an `OSError` with an errno; each is also the exception of Python that means the same, so
that `except FileNotFoundError` works as it does for files.
"""

from __future__ import annotations

import errno
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import grpc
from google.rpc import error_details_pb2, status_pb2

if TYPE_CHECKING:
    from collections.abc import Iterable

    from grpc import aio

_DETAILS = "grpc-status-details-bin"
_DOMAIN = "lakeport.dev"


@dataclass(frozen=True)
class FieldViolation:
    """A field of a request that breaks its rule."""

    field: str
    description: str


class LakeportError(OSError):
    """A call that failed. The text is for people; `code` and `reason` are for programs."""

    _errno: ClassVar[int] = errno.EIO
    _code: ClassVar[grpc.StatusCode] = grpc.StatusCode.UNKNOWN

    code: grpc.StatusCode
    """What kind of failure it is."""
    reason: str | None
    """Which failure it is, as the contract's `ErrorReason` names it; `None` where no server said it."""
    retry_delay: float | None
    """Seconds that the server asks to wait before the call is repeated."""
    field_violations: tuple[FieldViolation, ...]
    """Fields of the request that break their rules."""

    def __init__(
        self,
        message: str,
        code: grpc.StatusCode | None = None,
        reason: str | None = None,
        retry_delay: float | None = None,
        field_violations: Iterable[FieldViolation] = (),
        filename: str | None = None,
    ) -> None:
        super().__init__(self._errno, message)
        self.code = code or self._code
        self.reason = reason
        self.retry_delay = retry_delay
        self.field_violations = tuple(field_violations)
        self.filename = filename

    def __str__(self) -> str:
        said = str(self.strerror)
        if self.filename:
            said = f"{self.filename}: {said}"
        return said if self.reason is None else f"{said} ({self.reason})"

    def __reduce__(self) -> tuple[type[LakeportError], tuple[object, ...]]:
        said = (self.strerror, self.code, self.reason, self.retry_delay, self.field_violations, self.filename)
        return type(self), said


class NotFoundError(LakeportError, FileNotFoundError):
    """Something that is named is not there."""

    _errno = errno.ENOENT
    _code = grpc.StatusCode.NOT_FOUND


class ExistsError(LakeportError, FileExistsError):
    """Something is there already."""

    _errno = errno.EEXIST
    _code = grpc.StatusCode.ALREADY_EXISTS


class DeniedError(LakeportError, PermissionError):
    """The credentials are missing, wrong, or do not suffice; or what is named takes no writes, as a tag and a commit."""

    _errno = errno.EACCES
    _code = grpc.StatusCode.PERMISSION_DENIED


class InvalidError(LakeportError, ValueError):
    """The request makes no sense."""

    _errno = errno.EINVAL
    _code = grpc.StatusCode.INVALID_ARGUMENT


class FolderError(LakeportError, IsADirectoryError):
    """An object was expected where only a folder is: a prefix of objects, a ref or a repository."""

    _errno = errno.EISDIR
    _code = grpc.StatusCode.INVALID_ARGUMENT


class NoFolderError(LakeportError, NotADirectoryError):
    """A folder was expected where an object is."""

    _errno = errno.ENOTDIR
    _code = grpc.StatusCode.INVALID_ARGUMENT


class ConflictError(LakeportError):
    """Somebody else was there first: a merge conflict, another version of an object, a transaction that is not open."""

    _errno = errno.EBUSY
    _code = grpc.StatusCode.FAILED_PRECONDITION


class BusyError(LakeportError):
    """More calls, or more open transactions, than the server lets one caller have."""

    _errno = errno.EBUSY
    _code = grpc.StatusCode.RESOURCE_EXHAUSTED


class TimedOutError(LakeportError, TimeoutError):
    """The deadline passed. What was asked for may have been done."""

    _errno = errno.ETIMEDOUT
    _code = grpc.StatusCode.DEADLINE_EXCEEDED


class UnavailableError(LakeportError, ConnectionError):
    """Nobody answers, or it is not known yet what became of it: ask again."""

    _errno = errno.ECONNREFUSED
    _code = grpc.StatusCode.UNAVAILABLE


class CorruptError(LakeportError):
    """Bytes are lost, or are not those that were sent."""

    _errno = errno.EIO
    _code = grpc.StatusCode.DATA_LOSS


class UnsupportedError(LakeportError, NotImplementedError):
    """The server, or the store behind it, cannot do that."""

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
    # A write to what only reads: files of Python call that a permission.
    "REF_NOT_A_BRANCH": DeniedError,
    "TRANSACTION_READ_ONLY": DeniedError,
}
_CODES = {code.value[0]: code for code in grpc.StatusCode}


def of_call(error: aio.AioRpcError, whom: str) -> LakeportError:
    """The failure of a call of that server."""
    trailers: Any = error.trailing_metadata() or ()
    for key, value in trailers:
        if key == _DETAILS and isinstance(value, bytes):
            status = status_pb2.Status.FromString(value)
            if status.code == error.code().value[0]:
                return of_status(status)
    # Whatever lakeport refuses it gives a reason: without one, this is the connection, or what stands in it.
    kind = _KINDS.get(error.code(), UnavailableError)
    if kind is UnsupportedError:
        said = "does not know this call, so it is of another version than this client"
    else:
        said = "did not answer" if error.code() is grpc.StatusCode.UNAVAILABLE else "failed"
    return kind(f"{whom} {said}: {error.details() or error.code().name}", error.code())


def of_status(status: status_pb2.Status, filename: str | None = None) -> LakeportError:
    """The failure that a status of an answer tells: that of one item of a batch, say."""
    reason, delay, violations = None, None, list[FieldViolation]()
    for detail in status.details:
        info, bad, retry = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest(), error_details_pb2.RetryInfo()
        if detail.Unpack(info) and info.domain == _DOMAIN:
            reason = info.reason
        elif detail.Unpack(bad):
            violations = [FieldViolation(found.field, found.description) for found in bad.field_violations]
        elif detail.Unpack(retry):
            delay = retry.retry_delay.ToTimedelta().total_seconds()
    code = _CODES.get(status.code, grpc.StatusCode.UNKNOWN)
    kind = _REASONS.get(reason or "") or _KINDS.get(code, LakeportError)
    return kind(status.message, code, reason, delay, violations, filename)


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
"""What the answers of lakeFS's REST API are here; for programs that also use lakeFS's own SDK."""


def translate_lakefs_error(
    error: Any,  # noqa: ANN401  (an exception of lakeFS's SDK, which need not be installed)
    rpath: str | None = None,
    message: str | None = None,
    set_cause: bool = True,  # noqa: FBT001, FBT002  (as in lakefs-spec)
) -> OSError:
    """The exception of this package for one of lakeFS's SDK, as `lakefs_spec.errors` has it."""
    status = getattr(error, "status_code", None) or 0
    body = getattr(error, "body", None)
    said = (body.get("message") if isinstance(body, dict) else None) or getattr(error, "reason", None) or ""
    found = HTTP_CODE_TO_ERROR.get(status, LakeportError)(message or f"{status} {said}".strip(), filename=rpath)
    if set_cause:
        found.__cause__ = error
    return found
