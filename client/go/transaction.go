package lakeport

import (
	"context"
	"iter"
	"sync"
	"time"

	"github.com/lakeport/lakeport/client/go/lakeportv1"
	"google.golang.org/protobuf/types/known/durationpb"
)

// defaultIdleTimeout is the idle timeout that the server sets by default.
const defaultIdleTimeout = 10 * time.Minute

// Transaction has the objects of a transaction, and ends it. It can be used concurrently.
//
// The server holds the transaction: any process of the same user can continue it with [Client.Transaction]. If no client ends
// it, it expires after its idle timeout.
//
// To continue a transaction without a request for its state, create the Transaction from its ID. [Transaction.Info] is then nil
// until the first response:
//
//	tx := &lakeport.Transaction{Files: client.TransactionFiles(id)}
type Transaction struct {
	*Files

	idleTimeout time.Duration
	mutex       sync.Mutex
	info        *TransactionInfo
}

// BeginOptions are the options of a new transaction.
type BeginOptions struct {
	// TransactionID is the ID: [A-Za-z0-9_-]{1,64}. Empty: a random ID. If the caller has a transaction with this ID and the same
	// options, [Client.Begin] returns it.
	TransactionID string
	// IdleTimeout is the time without a call after which the transaction expires: 10 s to 24 h. 0: 10 min.
	IdleTimeout time.Duration
	// Lifetime is the time after which the transaction expires even if calls continue: 10 s to 7 days. 0: 24 h.
	Lifetime time.Duration
	// ReadOnly begins a transaction that reads the current head of the base branch and accepts no writes.
	ReadOnly bool
	// Branch is the name of the branch that BranchRetention keeps. Empty: the server chooses a name.
	Branch string
	// BranchRetention says when the server keeps a branch with the changes after the end. Default: never.
	BranchRetention lakeportv1.BranchRetention
	// Labels help to find the transaction: at most 64, each key and value at most 256 bytes.
	Labels map[string]string
}

func duration(value time.Duration) *durationpb.Duration {
	if value == 0 {
		return nil
	}
	return durationpb.New(value)
}

func (c *Client) newTransaction(info *TransactionInfo, idleTimeout time.Duration) *Transaction {
	return &Transaction{Files: c.TransactionFiles(info.GetTransactionId()), info: info, idleTimeout: idleTimeout}
}

// Transaction returns a transaction of the same user by its ID. It fails with [ReasonTransactionNotFound].
func (c *Client) Transaction(ctx context.Context, transactionID string) (*Transaction, error) {
	response, err := unary(ctx, c, idempotent, c.transactions.GetTransaction, &lakeportv1.GetTransactionRequest{
		TransactionId: transactionID,
	})
	if err != nil {
		return nil, err
	}
	// The response does not have the idle timeout.
	return c.newTransaction(response.Transaction, minIdleTimeout), nil
}

// ListTransactionsOptions select transactions.
type ListTransactionsOptions struct {
	// Repository selects transactions of this repository. Empty: all.
	Repository string
	// States selects transactions in one of these states. Empty: all.
	States []lakeportv1.TransactionState
	// Labels selects transactions with all of these labels.
	Labels map[string]string
}

// Transactions yields the transactions of the user, newest first. An error is the last element.
func (c *Client) Transactions(ctx context.Context, options *ListTransactionsOptions) iter.Seq2[*TransactionInfo, error] {
	if options == nil {
		options = &ListTransactionsOptions{}
	}
	return paged(func(token string) ([]*TransactionInfo, string, error) {
		page, err := unary(ctx, c, idempotent, c.transactions.ListTransactions, &lakeportv1.ListTransactionsRequest{
			Repository: options.Repository,
			States:     options.States,
			Labels:     options.Labels,
			PageSize:   pageSize,
			PageToken:  token,
		})
		return page.GetTransactions(), page.GetNextPageToken(), err
	})
}

// ID returns the ID of the transaction.
func (t *Transaction) ID() string {
	return t.place.transactionID
}

// Info returns the state of the transaction in the last response. See [Transaction.Refresh].
func (t *Transaction) Info() *TransactionInfo {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	return t.info
}

// isEndedByOwner returns whether the last response said that the transaction was committed or rolled back. Another state may be old:
// errors do not change it.
func (t *Transaction) isEndedByOwner() bool {
	switch t.Info().GetState() {
	case lakeportv1.TransactionState_TRANSACTION_STATE_COMMITTED, lakeportv1.TransactionState_TRANSACTION_STATE_ROLLED_BACK:
		return true
	}
	return false
}

// seen keeps the state of a response.
func (t *Transaction) seen(info *TransactionInfo, err error) (*TransactionInfo, error) {
	if err != nil {
		return nil, err
	}
	t.mutex.Lock()
	defer t.mutex.Unlock()
	// The response to a keep-alive can arrive after that of a commit. A final state does not change.
	if !isFinal(t.info) || isFinal(info) {
		t.info = info
	}
	return info, nil
}

func isFinal(info *TransactionInfo) bool {
	switch info.GetState() {
	case lakeportv1.TransactionState_TRANSACTION_STATE_COMMITTED,
		lakeportv1.TransactionState_TRANSACTION_STATE_ROLLED_BACK,
		lakeportv1.TransactionState_TRANSACTION_STATE_EXPIRED:
		return true
	}
	return false
}

// Refresh requests the state of the transaction. It fails with [ReasonTransactionNotFound].
func (t *Transaction) Refresh(ctx context.Context) (*TransactionInfo, error) {
	response, err := unary(ctx, t.client, idempotent, t.client.transactions.GetTransaction, &lakeportv1.GetTransactionRequest{
		TransactionId: t.ID(),
	})
	return t.seen(response.GetTransaction(), err)
}

// KeepAlive restarts the idle timeout. Every call in the transaction does the same. It fails with [ErrPrecondition] if the
// transaction has ended.
func (t *Transaction) KeepAlive(ctx context.Context) (*TransactionInfo, error) {
	response, err := unary(ctx, t.client, idempotent, t.client.transactions.KeepAliveTransaction, &lakeportv1.KeepAliveTransactionRequest{
		TransactionId: t.ID(),
	})
	return t.seen(response.GetTransaction(), err)
}

// Changes yields the changed paths with a prefix, in byte order. If the base branch changed a path differently, its kind is
// KIND_CONFLICT. An error is the last element.
func (t *Transaction) Changes(ctx context.Context, prefix string) iter.Seq2[*PathChange, error] {
	request := &lakeportv1.ListTransactionChangesRequest{TransactionId: t.ID(), Prefix: prefix}
	responses := all(ctx, t.client, idempotent, t.client.transactions.ListTransactionChanges, request)
	return flatten(responses, func(r *lakeportv1.ListTransactionChangesResponse) []*PathChange { return r.Changes })
}
