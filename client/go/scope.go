package lakeport

import (
	"context"
	"time"

	"google.golang.org/grpc/codes"
)

const (
	// minIdleTimeout is the shortest idle timeout that the server accepts.
	minIdleTimeout = 10 * time.Second
	// rollbackTime limits the rollback of a failed transaction. After it, the transaction expires by itself.
	rollbackTime = 10 * time.Second
)

// TransactionOption is a [*BeginOptions] or a [*CommitOptions].
type TransactionOption interface {
	apply(*scope)
}

// scope has the options of a call of WithTransaction.
type scope struct {
	begin  *BeginOptions
	commit *CommitOptions
}

func (o *BeginOptions) apply(s *scope)  { s.begin = o }
func (o *CommitOptions) apply(s *scope) { s.commit = o }

// WithTransaction begins a transaction, calls work with it, and commits it. It returns the state of the transaction, with the
// commit ID.
//
// If work returns an error, panics, or ends its goroutine, WithTransaction rolls the transaction back; it returns the error of
// work, and a panic continues. The same holds if the context ends, but see [Client.Begin] for [BeginOptions.TransactionID]. If work
// commits or rolls back the transaction itself, WithTransaction does not commit it. While work runs, the transaction does not
// expire because of its idle timeout.
//
// If the commit fails, WithTransaction rolls the transaction back, and returns the error of [Transaction.Commit]. In these cases, the
// outcome of the commit is unknown: after [ErrUnavailable], [ErrTimeout] and [ReasonOverloaded], and if the context ends during the
// commit. To learn it, commit the transaction again: choose [BeginOptions.TransactionID], and pass it to [Client.Transaction].
//
// After [ErrConflict], another caller changed the same paths. Call WithTransaction again, so that work sees these changes, or set
// [CommitOptions.Strategy].
func (c *Client) WithTransaction(
	ctx context.Context,
	repository, base string,
	work func(ctx context.Context, tx *Transaction) error,
	options ...TransactionOption,
) (*TransactionInfo, error) {
	var chosen scope
	for _, option := range options {
		option.apply(&chosen)
	}
	tx, err := c.Begin(ctx, repository, base, chosen.begin)
	if err != nil {
		return nil, err
	}
	stop := tx.StartKeepAlive(ctx)
	defer stop()
	// A deferred call without recover also runs if work panics or calls runtime.Goexit, and lets both continue.
	isSettled := false
	defer func() {
		if !isSettled {
			tx.abandon(ctx)
		}
	}()
	if err := work(ctx, tx); err != nil {
		return nil, err
	}
	if tx.isEndedByOwner() {
		isSettled = true
		return tx.Info(), nil
	}
	info, err := tx.Commit(ctx, chosen.commit)
	isSettled = err == nil || isUndecided(asError(err)) && ctx.Err() == nil
	return info, err
}

// abandon rolls back a transaction whose work or commit failed. Its errors are ignored: the first error counts, and without a
// rollback, the transaction expires.
func (t *Transaction) abandon(ctx context.Context) {
	if isFinal(t.Info()) {
		return
	}
	// The context may have ended, which must not keep the transaction open.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), rollbackTime)
	defer cancel()
	_, _ = t.Rollback(ctx)
}

// StartKeepAlive restarts the idle timeout from time to time, in the background, until stop is called, the context ends, or the
// transaction has ended. stop waits for the end of the background work, and may be called more than once.
func (t *Transaction) StartKeepAlive(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		t.keepAliveUntil(ctx)
	}()
	return func() {
		cancel()
		<-done
	}
}

func (t *Transaction) keepAliveUntil(ctx context.Context) {
	interval := max(t.idleTimeout, minIdleTimeout) / 3
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		if err := t.keepAliveWithin(ctx, interval); err != nil && !isTransient(asError(err)) {
			// The transaction has ended. The next call in it reports that.
			return
		}
	}
}

// keepAliveWithin ends a call without a response before the next one is due.
func (t *Transaction) keepAliveWithin(ctx context.Context, limit time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	_, err := t.KeepAlive(ctx)
	return err
}

// isTransient returns whether a later call may succeed.
func isTransient(e *Error) bool {
	return e.Code == codes.Unavailable || e.Code == codes.DeadlineExceeded || e.Code == codes.ResourceExhausted
}
