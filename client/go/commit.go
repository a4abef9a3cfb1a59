package lakeport

import (
	"context"
	"time"

	"github.com/lakeport/lakeport/client/go/lakeportv1"
	"google.golang.org/grpc/codes"
)

const (
	// commitTime is the time for which a commit is sent again while its outcome is unknown.
	commitTime = 120 * time.Second
	// commitPause is the time between two attempts, unless the server asks for a longer one.
	commitPause = 200 * time.Millisecond
)

// MergeStrategy says how a merge resolves paths that both sides changed.
type MergeStrategy = lakeportv1.MergeStrategy

// Strategies of a merge.
const (
	// StrategyFail makes the merge fail with [ReasonMergeConflict]. It is the default.
	StrategyFail = lakeportv1.MergeStrategy_MERGE_STRATEGY_FAIL
	// StrategySourceWins takes the version of the source. In a commit, this is the transaction.
	StrategySourceWins = lakeportv1.MergeStrategy_MERGE_STRATEGY_SOURCE_WINS
	// StrategyDestinationWins takes the version of the destination. In a commit, this is the base branch.
	StrategyDestinationWins = lakeportv1.MergeStrategy_MERGE_STRATEGY_DESTINATION_WINS
)

// CommitOptions are the options of a commit.
type CommitOptions struct {
	// Message of the commit and of the merge: at most 64 KiB. Empty: a message that names the transaction.
	Message string
	// Metadata of the commit and of the merge. Keys that begin with lakeport. are reserved.
	Metadata map[string]string
	// Tags to create on the merge commit. If one exists, the commit fails with [ReasonTagExists] and changes nothing. If another
	// caller creates one during the commit, FailedTags of the result names it.
	Tags []string
	// Strategy resolves conflicts.
	Strategy MergeStrategy
	// Squash combines all commits of the transaction into one before the merge.
	Squash bool
	// SkipMerge commits without a merge, and keeps a branch with the commit.
	SkipMerge bool
	// IfEpoch is the epoch that the transaction must have. If it differs, the commit fails with [ReasonEpochMismatch]. nil: any.
	IfEpoch *int64
}

// Commit publishes all changes of the transaction with one merge into the base branch, or none. The result has the commit ID.
//
// The client sends the commit again after a lost response, and while its outcome is unknown ([ReasonCommitInDoubt]), for up to
// 120 s: this is safe, because a retry returns the outcome of the first request.
//
// After [ReasonMergeConflict], [ReasonHookRejected], [ReasonBaseDirty], [ReasonTagExists] and [ErrPermission], nothing is
// published and the transaction is open: commit it with other options, or roll it back. [Error.Paths] has the paths in
// conflict; [Transaction.Changes] lists all of them. After [ErrUnavailable] and [ErrTimeout], the outcome is unknown: call
// Commit again, from any process.
func (t *Transaction) Commit(ctx context.Context, options *CommitOptions) (*TransactionInfo, error) {
	return t.seen(t.outcome(ctx, t.commitRequest(options)))
}

// Validate checks whether a commit would succeed now, and changes nothing. The errors are those of [Transaction.Commit].
func (t *Transaction) Validate(ctx context.Context, options *CommitOptions) error {
	request := t.commitRequest(options)
	request.ValidateOnly = true
	_, err := unary(ctx, t.client, idempotent, t.client.transactions.CommitTransaction, request)
	return err
}

func (t *Transaction) commitRequest(options *CommitOptions) *lakeportv1.CommitTransactionRequest {
	if options == nil {
		options = &CommitOptions{}
	}
	return &lakeportv1.CommitTransactionRequest{
		TransactionId: t.ID(),
		Message:       options.Message,
		Metadata:      options.Metadata,
		Tags:          options.Tags,
		Strategy:      options.Strategy,
		Squash:        options.Squash,
		SkipMerge:     options.SkipMerge,
		IfEpoch:       options.IfEpoch,
	}
}

// outcome sends a commit until its outcome is known.
func (t *Transaction) outcome(ctx context.Context, request *lakeportv1.CommitTransactionRequest) (*TransactionInfo, error) {
	until := time.Now().Add(commitTime)
	for {
		response, err := t.commitOnce(ctx, request)
		if err == nil {
			return response.Transaction, nil
		}
		failure := asError(err)
		pause := max(jittered(commitPause), failure.RetryDelay)
		if ctx.Err() != nil || !isUndecided(failure) || time.Now().Add(pause).After(until) || !sleep(ctx, pause) {
			return nil, err
		}
	}
}

// commitOnce has a timeout of its own: a commit may take longer than a single attempt.
func (t *Transaction) commitOnce(
	ctx context.Context, request *lakeportv1.CommitTransactionRequest,
) (*lakeportv1.CommitTransactionResponse, error) {
	ctx, cancel := withTimeout(ctx, t.client.timeout)
	defer cancel()
	return attempt(ctx, t.client, t.client.transactions.CommitTransaction, request)
}

// isUndecided returns whether the outcome of a commit is unknown, or the server was too busy to begin it.
func isUndecided(e *Error) bool {
	return e.Code == codes.Unavailable || e.Code == codes.DeadlineExceeded || e.Reason == ReasonOverloaded
}

// Rollback ends the transaction and publishes nothing. It succeeds if the transaction was rolled back or has expired. A
// commit that is in doubt ends first, which takes up to 70 s. It fails with [ReasonTransactionCommitted], or with
// [ReasonTransactionCommitting] while a commit is in progress.
func (t *Transaction) Rollback(ctx context.Context) (*TransactionInfo, error) {
	response, err := unary(ctx, t.client, settling, t.client.transactions.RollbackTransaction, &lakeportv1.RollbackTransactionRequest{
		TransactionId: t.ID(),
	})
	return t.seen(response.GetTransaction(), err)
}
