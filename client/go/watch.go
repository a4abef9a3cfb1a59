package lakeport

import (
	"context"
	"io"
	"iter"

	"github.com/lakeport/lakeport/client/go/lakeportv1"
)

// Watch yields the state of the transaction at once, and after each change, until the transaction has ended. It continues
// with another replica if the server shuts down or the connection is lost; it can then yield the same state again. It has no
// timeout: end it with the context, or break the loop. An error is the last element.
func (t *Transaction) Watch(ctx context.Context) iter.Seq2[*WatchUpdate, error] {
	return func(yield func(*WatchUpdate, error) bool) {
		tries := retries{policy: idempotent}
		for {
			again, err := t.watchOnce(ctx, func(update *WatchUpdate) bool {
				tries = retries{policy: idempotent}
				return yield(update, nil)
			})
			if err != nil && !waitFor(ctx, &tries, unlimited(), err) {
				yield(nil, err)
				return
			}
			if err == nil && !again {
				return
			}
		}
	}
}

// watchOnce passes the messages of one call to use. It returns whether the server asks to watch again.
func (t *Transaction) watchOnce(ctx context.Context, use func(*WatchUpdate) bool) (again bool, err error) {
	request := &lakeportv1.WatchTransactionRequest{TransactionId: t.ID()}
	stream, err := openOnce(ctx, t.client, unlimited(), t.client.transactions.WatchTransaction, request)
	if err != nil {
		return false, err
	}
	defer stream.close()
	for {
		update, err := stream.next()
		if err == io.EOF {
			return again, nil
		}
		if err != nil {
			return false, err
		}
		again = update.Reconnect
		_, _ = t.seen(update.Transaction, nil)
		if !use(update) {
			return false, nil
		}
	}
}
