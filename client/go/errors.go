package lakeport

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// Kinds of failures, for [errors.Is]. Each stands for a status code.
var (
	// ErrNotFound: the repository, ref, object or transaction does not exist. Also matches [fs.ErrNotExist].
	ErrNotFound error = kind(codes.NotFound)
	// ErrExists: the repository, branch, tag, object or transaction exists. Also matches [fs.ErrExist].
	ErrExists error = kind(codes.AlreadyExists)
	// ErrPermission: the user may not do this. Also matches [fs.ErrPermission].
	ErrPermission error = kind(codes.PermissionDenied)
	// ErrUnauthenticated: the credentials are missing or wrong. Also matches [fs.ErrPermission].
	ErrUnauthenticated error = kind(codes.Unauthenticated)
	// ErrInvalid: the request is invalid. Also matches [fs.ErrInvalid].
	ErrInvalid error = kind(codes.InvalidArgument)
	// ErrOutOfRange: the range starts after the end of the object.
	ErrOutOfRange error = kind(codes.OutOfRange)
	// ErrConflict: another caller changed the same paths. Begin the whole transaction, or the read, again.
	ErrConflict error = kind(codes.Aborted)
	// ErrPrecondition: the state of the object, branch or transaction does not allow the call.
	ErrPrecondition error = kind(codes.FailedPrecondition)
	// ErrExhausted: the server is overloaded or full, or a quota is reached.
	ErrExhausted error = kind(codes.ResourceExhausted)
	// ErrUnavailable: the server did not respond, or cannot serve the call now.
	ErrUnavailable error = kind(codes.Unavailable)
	// ErrTimeout: the timeout of the client or the deadline of the context passed. The server may have executed the call. Also
	// matches [context.DeadlineExceeded].
	ErrTimeout error = kind(codes.DeadlineExceeded)
	// ErrDataLoss: bytes are missing or damaged.
	ErrDataLoss error = kind(codes.DataLoss)
	// ErrUnsupported: the server, its lakeFS or its object store does not support the call. Also matches [errors.ErrUnsupported].
	ErrUnsupported error = kind(codes.Unimplemented)
)

// kind is a target of [errors.Is] that matches a status code.
type kind codes.Code

func (k kind) Error() string {
	return "lakeport: " + codes.Code(k).String()
}

// standardErrors are the errors of the standard library with the meaning of a status code.
var standardErrors = map[codes.Code]error{
	codes.NotFound:         fs.ErrNotExist,
	codes.AlreadyExists:    fs.ErrExist,
	codes.PermissionDenied: fs.ErrPermission,
	codes.Unauthenticated:  fs.ErrPermission,
	codes.InvalidArgument:  fs.ErrInvalid,
	codes.Unimplemented:    errors.ErrUnsupported,
	codes.DeadlineExceeded: context.DeadlineExceeded,
	codes.Canceled:         context.Canceled,
}

// Error is the error of a failed call.
type Error struct {
	// Code is the kind of failure. A lost connection is [codes.Unavailable].
	Code codes.Code
	// Reason is the exact cause. Empty if no lakeport server reported the error: the connection, a proxy or the client did.
	Reason Reason
	// Message is for people: what failed, why, and what to do.
	Message string
	// RetryDelay is the time that the server asks the caller to wait before a retry. 0: it does not say.
	RetryDelay time.Duration
	// Paths are the paths or names that the error is about, such as those in conflict. The server sends at most 10.
	Paths []string
	// Failures are the paths for which [Files.Delete], [Files.Copy] or [Files.Move] failed, with the error of each, in byte
	// order.
	Failures []PathFailure
	// FieldViolations are the invalid fields of the request.
	FieldViolations []FieldViolation
	// Metadata has further values that the server sent with the reason.
	Metadata map[string]string

	cause error
}

// PathFailure is the error of one of many paths.
type PathFailure struct {
	Path string
	Err  *Error
}

// FieldViolation is an invalid field of a request.
type FieldViolation struct {
	// Field is the name of the field in the contract.
	Field string
	// Description says why the value is invalid.
	Description string
}

// maxNamedPaths is the number of paths that the text of an error names.
const maxNamedPaths = 3

// Error returns the message, the paths that it does not contain, and the reason.
func (e *Error) Error() string {
	text := e.Message + namedPaths(e.Message, e.Paths) + namedFailures(e.Failures)
	if e.Reason != "" {
		return fmt.Sprintf("%s (%s)", text, e.Reason)
	}
	return text
}

func namedPaths(message string, paths []string) string {
	isNew := func(path string) bool { return !strings.Contains(message, path) }
	if !slices.ContainsFunc(paths, isNew) {
		return ""
	}
	named := paths[:min(len(paths), maxNamedPaths)]
	return fmt.Sprintf(": %q%s", named, andMore(len(paths)-len(named)))
}

func namedFailures(failures []PathFailure) string {
	var text strings.Builder
	for _, failure := range failures[:min(len(failures), maxNamedPaths)] {
		fmt.Fprintf(&text, "; %q: %s", failure.Path, failure.Err)
	}
	return text.String() + andMore(len(failures)-maxNamedPaths)
}

func andMore(count int) string {
	if count <= 0 {
		return ""
	}
	return fmt.Sprintf(" and %d more", count)
}

// Is returns whether target is the reason, the kind, or an error of the standard library with the same meaning.
func (e *Error) Is(target error) bool {
	switch target := target.(type) {
	case Reason:
		return e.Reason != "" && e.Reason == target
	case kind:
		return e.Code == codes.Code(target)
	}
	standard := standardErrors[e.Code]
	return standard != nil && standard == target
}

// Unwrap returns the cause: an error of the context, of a reader, or of gRPC. nil if there is none.
func (e *Error) Unwrap() error {
	return e.cause
}

// GRPCStatus returns the status of the call, for package status of gRPC.
func (e *Error) GRPCStatus() *status.Status {
	var call interface{ GRPCStatus() *status.Status }
	// A lost connection can have another code than this error.
	if errors.As(e.cause, &call) && call.GRPCStatus().Code() == e.Code {
		return call.GRPCStatus()
	}
	return status.New(e.Code, e.Message)
}

func (e *Error) withCause(cause error) *Error {
	e.cause = cause
	return e
}

func newError(code codes.Code, format string, arguments ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, arguments...)}
}

// invalid is the error of arguments that the client rejects.
func invalid(format string, arguments ...any) *Error {
	return newError(codes.InvalidArgument, format, arguments...)
}

// badResponse is the error of a response that violates the contract.
func badResponse(format string, arguments ...any) *Error {
	return newError(codes.Internal, "the server violates the contract: "+format, arguments...)
}

// corrupt is the error of received bytes that are not the bytes that the server sent.
func corrupt(format string, arguments ...any) *Error {
	return newError(codes.DataLoss, format, arguments...)
}

// asError returns the *Error in an error, or nil.
func asError(err error) *Error {
	var found *Error
	errors.As(err, &found)
	return found
}
