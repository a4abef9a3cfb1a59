package lakeport

import (
	"context"

	"github.com/lakeport/lakeport/client/go/lakeportv1"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// Begin begins a transaction that reads and writes on a private branch, and whose commit merges into the base branch. End it with
// [Transaction.Commit] or [Transaction.Rollback], or use [Client.WithTransaction], which does.
//
// With [BeginOptions.TransactionID], the call can be repeated: it returns the same transaction. Without it, if the context ends, or if
// the call fails although the server may have begun the transaction, the client rolls it back in the background: nobody else knows its ID.
//
// It fails with [ErrNotFound] if the repository or the base branch does not exist; with [ReasonRefNotABranch]; with
// [ReasonTransactionExists] if a transaction has the ID and other options; with [ReasonTooManyTransactions].
func (c *Client) Begin(ctx context.Context, repository, base string, options *BeginOptions) (*Transaction, error) {
	if options == nil {
		options = &BeginOptions{}
	}
	send := c.sendBegin
	if options.TransactionID == "" {
		send = c.beginOwned
	}
	info, err := send(ctx, &lakeportv1.BeginTransactionRequest{
		Repository:      repository,
		BaseBranch:      base,
		TransactionId:   firstNonEmpty(options.TransactionID, randomID()),
		IdleTimeout:     duration(options.IdleTimeout),
		Lifetime:        duration(options.Lifetime),
		ReadOnly:        options.ReadOnly,
		Branch:          options.Branch,
		BranchRetention: options.BranchRetention,
		Labels:          options.Labels,
	})
	if err != nil {
		return nil, err
	}
	idleTimeout := options.IdleTimeout
	if idleTimeout == 0 {
		idleTimeout = defaultIdleTimeout
	}
	return c.newTransaction(info, idleTimeout), nil
}

func (c *Client) sendBegin(ctx context.Context, request *lakeportv1.BeginTransactionRequest) (*TransactionInfo, error) {
	// The ID makes it safe to send the request again after a lost response.
	response, err := unary(ctx, c, idempotent, c.transactions.BeginTransaction, request)
	return response.GetTransaction(), err
}

// beginOwned begins a transaction, or rolls it back: also if the context ends.
func (c *Client) beginOwned(ctx context.Context, request *lakeportv1.BeginTransactionRequest) (*TransactionInfo, error) {
	if ctx.Err() != nil {
		return nil, c.callError(ctx, status.FromContextError(ctx.Err()).Err())
	}
	background := context.WithoutCancel(ctx)
	begun := &Transaction{Files: c.TransactionFiles(request.TransactionId)}
	var info *TransactionInfo
	var err error
	done := make(chan struct{})
	go func() {
		defer close(done)
		info, err = c.sendBegin(background, request)
	}()
	select {
	case <-done:
		if err != nil && mayHaveBegun(asError(err)) {
			go begun.abandon(background)
		}
		return info, err
	case <-ctx.Done():
		go func() {
			// A rollback that reaches the server before the begin has no effect.
			<-done
			begun.abandon(background)
		}()
		return nil, c.callError(ctx, status.FromContextError(ctx.Err()).Err())
	}
}

// mayHaveBegun returns whether the server may have begun a transaction although the call failed.
func mayHaveBegun(e *Error) bool {
	return e.Code == codes.Unavailable || e.Code == codes.DeadlineExceeded || e.Code == codes.Unknown
}
