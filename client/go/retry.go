package lakeport

import (
	"context"
	"math/rand/v2"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
)

// The values of the service config of the contract.
const (
	maxAttempts  = 4
	firstBackoff = 200 * time.Millisecond
	maxBackoff   = 5 * time.Second
)

// policy says after which errors a call is sent again.
type policy int

const (
	// once sends a call again only if the server rejected it because of overload: it had no effect then.
	once policy = iota
	// idempotent also sends a call again if the server was unavailable.
	idempotent
	// settling is idempotent, and also waits for the end of a commit if the server says for how long.
	settling
)

// retries counts the attempts of one call.
type retries struct {
	policy   policy
	attempts int
	backoff  time.Duration
	// waited is the sum of the pauses.
	waited time.Duration
}

// pause returns the time to wait before the next attempt, and false if there is none.
func (r *retries) pause(e *Error) (time.Duration, bool) {
	switch {
	case e.Code == codes.ResourceExhausted && e.Reason == ReasonOverloaded:
	case r.policy == settling && e.Reason == ReasonTransactionCommitting && e.RetryDelay > 0:
	case r.policy == once || e.Code != codes.Unavailable:
		return 0, false
	case e.Reason == ReasonRequestInProgress:
		// The first call with this key is still running: its end is worth waiting for.
	default:
		r.attempts++
		if r.attempts >= maxAttempts {
			return 0, false
		}
	}
	r.backoff = min(max(2*r.backoff, firstBackoff), maxBackoff)
	return max(jittered(r.backoff), e.RetryDelay), true
}

// jittered returns 80 to 120 % of a pause, so that clients do not retry at the same moment.
func jittered(pause time.Duration) time.Duration {
	return time.Duration(float64(pause) * (0.8 + 0.4*rand.Float64()))
}

// repeat calls attempt until it succeeds, or fails with an error that the policy does not retry. It returns the last error if the
// deadline of the context or the time for progress ends before the next attempt, or if the pauses exceed that time.
func repeat[T any](ctx context.Context, p policy, clock *progress, attempt func() (T, error)) (T, error) {
	tries := retries{policy: p}
	for {
		result, err := attempt()
		if err == nil {
			return result, nil
		}
		if !waitFor(ctx, &tries, clock, err) {
			return result, err
		}
	}
}

// waitFor waits before the next attempt. It returns false if there is none.
func waitFor(ctx context.Context, tries *retries, clock *progress, err error) bool {
	failure := asError(err)
	if failure == nil {
		return false
	}
	pause, again := tries.pause(failure)
	if !again || pause >= clock.left() {
		return false
	}
	// A rejected upload has sent bytes, so its clock alone would never end the retries.
	tries.waited += pause
	if clock.timeout > 0 && tries.waited > clock.timeout {
		return false
	}
	return sleep(ctx, pause)
}

// sleep waits. It returns false, at once, if the context ends before.
func sleep(ctx context.Context, pause time.Duration) bool {
	if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) <= pause {
		return false
	}
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// method is a method of a stub with a single response.
type method[Q, R any] func(context.Context, *Q, ...grpc.CallOption) (*R, error)

// unary sends a request with a single response, within the timeout of the client.
func unary[Q, R any](ctx context.Context, c *Client, p policy, send method[Q, R], request *Q) (*R, error) {
	ctx, cancel := withTimeout(ctx, c.timeout)
	defer cancel()
	return repeat(ctx, p, unlimited(), func() (*R, error) {
		return attempt(ctx, c, send, request)
	})
}

// attempt sends a request once.
func attempt[Q, R any](ctx context.Context, c *Client, send method[Q, R], request *Q) (*R, error) {
	response, err := send(ctx, request)
	if err != nil {
		return nil, c.callError(ctx, err)
	}
	return response, nil
}

// withTimeout is [context.WithTimeout]. 0 is no timeout.
func withTimeout(ctx context.Context, timeout time.Duration) (context.Context, context.CancelFunc) {
	if timeout == 0 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, timeout)
}
