package lakeport

import (
	"context"
	"io"
	"iter"

	"google.golang.org/grpc"
)

// streaming is a method of a stub with a stream of responses.
type streaming[Q, R any] func(context.Context, *Q, ...grpc.CallOption) (grpc.ServerStreamingClient[R], error)

// responses is the stream of responses of a call. It must be closed.
type responses[R any] struct {
	client *Client
	ctx    context.Context
	cancel context.CancelCauseFunc
	stream grpc.ServerStreamingClient[R]
	clock  *progress
	// first is the first response, which open received to learn whether the call succeeds. nil after it was returned.
	first *R
	// ended is set if there is no first response.
	ended bool
}

// open sends a request and waits for the first response. It sends the request again as the policy says.
func open[Q, R any](ctx context.Context, c *Client, p policy, clock *progress, send streaming[Q, R], request *Q) (*responses[R], error) {
	return repeat(ctx, p, clock, func() (*responses[R], error) {
		return openOnce(ctx, c, clock, send, request)
	})
}

func openOnce[Q, R any](ctx context.Context, c *Client, clock *progress, send streaming[Q, R], request *Q) (*responses[R], error) {
	ctx, cancel := context.WithCancelCause(ctx)
	opened := &responses[R]{client: c, ctx: ctx, cancel: cancel, clock: clock}
	err := clock.wait(cancel, func() (err error) {
		if opened.stream, err = send(ctx, request); err == nil {
			opened.first, err = opened.stream.Recv()
		}
		return err
	})
	if err == io.EOF {
		opened.ended, err = true, nil
	}
	if err != nil {
		defer cancel(nil)
		return nil, c.callError(ctx, err)
	}
	return opened, nil
}

// next returns the next response, or io.EOF after the last one.
func (r *responses[R]) next() (*R, error) {
	if first := r.first; first != nil || r.ended {
		r.first = nil
		if r.ended {
			return nil, io.EOF
		}
		return first, nil
	}
	var response *R
	err := r.clock.wait(r.cancel, func() (err error) {
		response, err = r.stream.Recv()
		return err
	})
	switch {
	case err == io.EOF:
		return nil, io.EOF
	case err != nil:
		return nil, r.client.callError(r.ctx, err)
	}
	return response, nil
}

// close ends the call. It is safe after the end of the call.
func (r *responses[R]) close() {
	r.cancel(nil)
}

// all yields the responses of a call as they arrive, or an error.
func all[Q, R any](ctx context.Context, c *Client, p policy, send streaming[Q, R], request *Q) iter.Seq2[*R, error] {
	return func(yield func(*R, error) bool) {
		clock := newProgress(c.timeout)
		opened, err := open(ctx, c, p, clock, send, request)
		if err != nil {
			yield(nil, err)
			return
		}
		opened.drain(yield)
	}
}

// drain yields the rest of the responses, or an error, and closes the call.
func (r *responses[R]) drain(yield func(*R, error) bool) {
	defer r.close()
	for {
		response, err := r.next()
		if err == io.EOF || !yield(response, err) || err != nil {
			return
		}
		// The time in which the caller used the response does not count.
		r.clock.made()
	}
}

// whole calls read with the responses of a call. It sends the request again as the policy says, also after some responses. It then
// calls read again, with all responses of the new call.
func whole[Q, R, T any](
	ctx context.Context, c *Client, p policy, send streaming[Q, R], request *Q, read func(iter.Seq2[*R, error]) (T, error),
) (T, error) {
	clock := newProgress(c.timeout)
	return repeat(ctx, p, clock, func() (T, error) {
		return read(func(yield func(*R, error) bool) {
			opened, err := openOnce(ctx, c, clock, send, request)
			if err != nil {
				yield(nil, err)
				return
			}
			opened.drain(yield)
		})
	})
}

// flatten yields the items of responses.
func flatten[R, T any](from iter.Seq2[*R, error], items func(*R) []*T) iter.Seq2[*T, error] {
	return func(yield func(*T, error) bool) {
		for response, err := range from {
			if err != nil {
				yield(nil, err)
				return
			}
			for _, item := range items(response) {
				if !yield(item, nil) {
					return
				}
			}
		}
	}
}

// paged yields the items of all pages. get returns the items of a page and the token of the next one, which is empty after
// the last.
func paged[T any](get func(token string) ([]*T, string, error)) iter.Seq2[*T, error] {
	return func(yield func(*T, error) bool) {
		for token, more := "", true; more; more = token != "" {
			items, next, err := get(token)
			if err != nil {
				yield(nil, err)
				return
			}
			for _, item := range items {
				if !yield(item, nil) {
					return
				}
			}
			token = next
		}
	}
}
