package lakeport

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"

	"google.golang.org/grpc/codes"
)

// randomID returns a new idempotency key or transaction ID.
func randomID() string {
	var bits [16]byte
	// Read never fails: the program stops if the system has no randomness.
	_, _ = rand.Read(bits[:])
	return hex.EncodeToString(bits[:])
}

// contextError is the error of an operation whose context has ended. It does not wrap the cause of the context, which may be an error of
// another call: the caller would take it for the error of this one.
func contextError(ctx context.Context, what string) error {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return newError(codes.DeadlineExceeded, "the deadline of %s passed", what).withCause(ctx.Err())
	}
	return newError(codes.Canceled, "%s was canceled", what).withCause(ctx.Err())
}
