package lakeport

import (
	"context"
	"errors"
	"strings"

	rpcstatus "google.golang.org/genproto/googleapis/rpc/status"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// errorDomain is the domain of the reasons of lakeport.
const errorDomain = "lakeport.dev"

// errNoProgress is the cause with which the client cancels a call whose server makes no progress.
var errNoProgress = errors.New("the server made no progress")

// callError converts the error of a call. ctx is the context of the call.
func (c *Client) callError(ctx context.Context, err error) error {
	if found := asError(err); found != nil {
		return found
	}
	converted := fromStatus(status.Convert(err))
	converted.cause = err
	if converted.Reason == "" {
		c.explain(ctx, converted)
	} else if converted.Code == codes.Unauthenticated && c.credentials.source != "" {
		converted.Message += "; the credentials are those of " + c.credentials.source
	}
	return converted
}

// explain completes an error that no lakeport server reported.
func (c *Client) explain(ctx context.Context, e *Error) {
	switch {
	case errors.Is(context.Cause(ctx), errNoProgress):
		e.Code, e.cause = codes.DeadlineExceeded, nil
		e.Message = c.endpoint.name + " made no progress for " + c.timeout.String()
	case e.Code == codes.Canceled && ctx.Err() != nil:
		// Not the cause of the context, which may be an error of another call.
		e.Message, e.cause = "the call to "+c.endpoint.name+" was canceled", ctx.Err()
	case e.Code == codes.DeadlineExceeded:
		e.Message = c.endpoint.name + " did not respond before the deadline of the call: " + e.Message
	case e.Code == codes.Internal && strings.Contains(e.Message, "error while marshaling"):
		e.Code, e.Message = codes.InvalidArgument, "the request contains text that is not UTF-8: "+e.Message
	case isLost(e):
		e.Code, e.Message = codes.Unavailable, c.endpoint.name+" did not respond: "+e.Message
	default:
		e.Message = c.endpoint.name + ": " + e.Message
	}
}

// isLost returns whether the connection was lost. gRPC and proxies report some lost connections with other codes than
// UNAVAILABLE. Every error of lakeport has a reason, so these codes without one come from neither the server nor the caller.
func isLost(e *Error) bool {
	switch e.Code {
	case codes.Unavailable, codes.Canceled, codes.Unknown:
		return true
	case codes.Internal:
		return !strings.Contains(e.Message, "unmarshal")
	}
	return false
}

// itemError converts the status of one item of a response. nil if the item succeeded.
func itemError(message *rpcstatus.Status) *Error {
	if codes.Code(message.GetCode()) == codes.OK {
		return nil
	}
	converted := status.FromProto(message)
	return fromStatus(converted).withCause(converted.Err())
}

// fromStatus decodes the details of a status.
func fromStatus(from *status.Status) *Error {
	e := &Error{Code: from.Code(), Message: from.Message()}
	for _, detail := range from.Details() {
		switch detail := detail.(type) {
		case *errdetails.ErrorInfo:
			if detail.Domain == errorDomain {
				e.Reason, e.Metadata = Reason(detail.Reason), detail.Metadata
			}
		case *errdetails.RetryInfo:
			e.RetryDelay = detail.RetryDelay.AsDuration()
		case *errdetails.BadRequest:
			for _, violation := range detail.FieldViolations {
				e.FieldViolations = append(e.FieldViolations, FieldViolation{violation.Field, violation.Description})
			}
		case *errdetails.PreconditionFailure:
			for _, violation := range detail.Violations {
				e.Paths = append(e.Paths, violation.Subject)
			}
		case *errdetails.ResourceInfo:
			e.Paths = append(e.Paths, detail.ResourceName)
		}
	}
	return e
}
