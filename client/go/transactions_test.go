package lakeport_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	lakeport "github.com/lakeport/lakeport/client/go"
	"github.com/lakeport/lakeport/client/go/lakeportv1"
	"google.golang.org/grpc/codes"
)

// scope runs WithTransaction on the branch main.
func (l lake) scope(
	ctx context.Context, work func(context.Context, *lakeport.Transaction) error, options ...lakeport.TransactionOption,
) (*lakeport.TransactionInfo, error) {
	return l.WithTransaction(ctx, l.repository.Name(), "main", work, options...)
}

// checkEnded fails the test unless a transaction is in a state.
func checkEnded(t testing.TB, tx *lakeport.Transaction, wanted lakeportv1.TransactionState) {
	t.Helper()
	info, err := tx.Refresh(t.Context())
	check(t, err)
	equal(t, info.State, wanted)
}

const (
	open       = lakeportv1.TransactionState_TRANSACTION_STATE_OPEN
	committed  = lakeportv1.TransactionState_TRANSACTION_STATE_COMMITTED
	rolledBack = lakeportv1.TransactionState_TRANSACTION_STATE_ROLLED_BACK
)

func TestTransactionPublishesEverythingAtItsCommit(t *testing.T) {
	l := newLake(t)
	tx := l.begin(t, &lakeport.BeginOptions{Labels: map[string]string{"job": "test"}})
	write(t, tx.Files, "a", "one")
	equal(t, read(t, tx.Files, "a"), "one")
	equal(t, paths(t, l.main, nil), "")
	other, err := l.Transaction(t.Context(), tx.ID())
	check(t, err)
	write(t, other.Files, "b", "two")
	changes, err := collect(tx.Changes(t.Context(), ""))
	check(t, err)
	equal(t, len(changes), 2)
	check(t, tx.Validate(t.Context(), nil))
	info, err := tx.Commit(t.Context(), &lakeport.CommitOptions{Message: "Add", Tags: []string{"v1"}, Metadata: map[string]string{"k": "v"}})
	check(t, err)
	equal(t, info.Merged, true)
	again, err := tx.Commit(t.Context(), &lakeport.CommitOptions{Message: "Add", Tags: []string{"v1"}, Metadata: map[string]string{"k": "v"}})
	check(t, err)
	equal(t, again.CommitId, info.CommitId)
	equal(t, paths(t, l.Files(l.repository.Name(), "v1"), nil), "a b")
	_, err = tx.WriteAll(t.Context(), "c", nil, nil)
	failed(t, err, codes.FailedPrecondition, lakeport.ReasonTransactionCommitted)
	_, err = tx.Rollback(t.Context())
	failed(t, err, codes.FailedPrecondition, lakeport.ReasonTransactionCommitted)
	_, err = l.Transaction(t.Context(), "unknown")
	failed(t, err, codes.NotFound, lakeport.ReasonTransactionNotFound)
}

func TestScopeCommits(t *testing.T) {
	l := newLake(t)
	info, err := l.scope(t.Context(), func(ctx context.Context, tx *lakeport.Transaction) error {
		_, err := tx.WriteAll(ctx, "a", []byte("one"), nil)
		return err
	}, &lakeport.CommitOptions{Message: "Add a", Tags: []string{"v1"}}, &lakeport.BeginOptions{TransactionID: "scope-" + l.repository.Name()})
	check(t, err)
	equal(t, info.TransactionId, "scope-"+l.repository.Name())
	commit, err := l.repository.Commit(t.Context(), "v1")
	check(t, err)
	equal(t, commit.CommitId, info.CommitId)
	equal(t, commit.Message, "Add a")
}

func TestScopeRollsBackAndKeepsTheError(t *testing.T) {
	l := newLake(t)
	mine := errors.New("mine")
	var tx *lakeport.Transaction
	_, err := l.scope(t.Context(), func(ctx context.Context, begun *lakeport.Transaction) error {
		tx = begun
		write(t, tx.Files, "a", "one")
		return mine
	})
	equal(t, err, mine)
	checkEnded(t, tx, rolledBack)
	equal(t, paths(t, l.main, nil), "")
}

func TestScopeRollsBackAfterAPanic(t *testing.T) {
	l := newLake(t)
	var tx *lakeport.Transaction
	defer func() {
		equal(t, recover(), any("mine"))
		checkEnded(t, tx, rolledBack)
	}()
	_, _ = l.scope(t.Context(), func(_ context.Context, begun *lakeport.Transaction) error {
		tx = begun
		panic("mine")
	})
}

func TestScopeRollsBackAfterCancellation(t *testing.T) {
	l := newLake(t)
	ctx, cancel := context.WithCancel(t.Context())
	var tx *lakeport.Transaction
	_, err := l.scope(ctx, func(_ context.Context, begun *lakeport.Transaction) error {
		tx = begun
		cancel()
		return nil
	})
	equal(t, errors.Is(err, context.Canceled), true)
	checkEnded(t, tx, rolledBack)
}

func TestScopeAcceptsThatItsWorkEndsTheTransaction(t *testing.T) {
	l := newLake(t)
	info, err := l.scope(t.Context(), func(ctx context.Context, tx *lakeport.Transaction) error {
		write(t, tx.Files, "a", "one")
		return second(tx.Commit(ctx, &lakeport.CommitOptions{Message: "mine"}))
	}, &lakeport.CommitOptions{Message: "scope"})
	check(t, err)
	equal(t, info.State, committed)
	info, err = l.scope(t.Context(), func(ctx context.Context, tx *lakeport.Transaction) error {
		return second(tx.Rollback(ctx))
	})
	check(t, err)
	equal(t, info.State, rolledBack)
}

func TestConflictHasItsPaths(t *testing.T) {
	l := newLake(t)
	var tx *lakeport.Transaction
	_, err := l.scope(t.Context(), func(ctx context.Context, slow *lakeport.Transaction) error {
		tx = slow
		write(t, slow.Files, "a", "slow")
		return second(l.scope(ctx, func(_ context.Context, fast *lakeport.Transaction) error {
			write(t, fast.Files, "a", "fast")
			return nil
		}))
	})
	failure := failed(t, err, codes.Aborted, lakeport.ReasonMergeConflict)
	equal(t, errors.Is(err, lakeport.ErrConflict), true)
	equal(t, slices.Equal(failure.Paths, []string{"a"}), true)
	checkEnded(t, tx, rolledBack)
	equal(t, read(t, l.main, "a"), "fast")
}

func TestConflictLeavesATransactionOpen(t *testing.T) {
	l := newLake(t)
	slow, fast := l.begin(t, nil), l.begin(t, nil)
	write(t, slow.Files, "a", "slow")
	write(t, fast.Files, "a", "fast")
	check(t, second(fast.Commit(t.Context(), nil)))
	failed(t, slow.Validate(t.Context(), nil), codes.Aborted, lakeport.ReasonMergeConflict)
	changes, err := collect(slow.Changes(t.Context(), ""))
	check(t, err)
	equal(t, changes[0].Kind, lakeportv1.PathChange_KIND_CONFLICT)
	_, err = slow.Commit(t.Context(), nil)
	failed(t, err, codes.Aborted, lakeport.ReasonMergeConflict)
	checkEnded(t, slow, open)
	_, err = slow.Commit(t.Context(), &lakeport.CommitOptions{IfEpoch: new(int64(7))})
	failed(t, err, codes.FailedPrecondition, lakeport.ReasonEpochMismatch)
	check(t, second(slow.Commit(t.Context(), &lakeport.CommitOptions{Strategy: lakeport.StrategySourceWins})))
	equal(t, read(t, l.main, "a"), "slow")
}

func TestReadOnlyTransaction(t *testing.T) {
	l := newLake(t)
	info, err := l.scope(t.Context(), func(ctx context.Context, tx *lakeport.Transaction) error {
		_, err := tx.WriteAll(ctx, "a", nil, nil)
		failed(t, err, codes.FailedPrecondition, lakeport.ReasonTransactionReadOnly)
		return nil
	}, &lakeport.BeginOptions{ReadOnly: true})
	check(t, err)
	equal(t, info.State, committed)
}

func TestTransactionIsWatchedUntilItsEnd(t *testing.T) {
	l := newLake(t)
	tx := l.begin(t, nil)
	var states []lakeportv1.TransactionState
	for update, err := range tx.Watch(t.Context()) {
		check(t, err)
		states = append(states, update.Transaction.State)
		if len(states) == 1 {
			check(t, second(tx.Rollback(t.Context())))
		}
	}
	equal(t, states[0], open)
	equal(t, states[len(states)-1], rolledBack)
}

func TestTransactionsAreListedByLabel(t *testing.T) {
	l := newLake(t)
	label := map[string]string{"of": l.repository.Name()}
	first := l.begin(t, &lakeport.BeginOptions{Labels: label})
	l.begin(t, &lakeport.BeginOptions{Labels: label})
	found, err := collect(l.Transactions(t.Context(), &lakeport.ListTransactionsOptions{Labels: label}))
	check(t, err)
	equal(t, len(found), 2)
	equal(t, found[1].TransactionId, first.ID())
	check(t, second(first.Rollback(t.Context())))
	found, err = collect(l.Transactions(t.Context(), &lakeport.ListTransactionsOptions{
		Repository: l.repository.Name(),
		States:     []lakeportv1.TransactionState{open},
	}))
	check(t, err)
	equal(t, len(found), 1)
}

func TestKeepAliveRestartsTheIdleTimeout(t *testing.T) {
	l := newLake(t)
	tx := l.begin(t, &lakeport.BeginOptions{IdleTimeout: 10 * time.Second, Lifetime: time.Minute})
	before := tx.Info().IdleExpireTime.AsTime()
	stop := tx.StartKeepAlive(t.Context())
	until := time.Now().Add(20 * time.Second)
	for !tx.Info().IdleExpireTime.AsTime().After(before) {
		equal(t, time.Now().Before(until), true)
		time.Sleep(50 * time.Millisecond)
	}
	stop()
	stop()
	check(t, second(tx.KeepAlive(t.Context())))
	check(t, second(tx.Rollback(t.Context())))
	_, err := tx.KeepAlive(t.Context())
	failed(t, err, codes.FailedPrecondition, lakeport.ReasonTransactionRolledBack)
}

func TestCommitsInsideATransaction(t *testing.T) {
	l := newLake(t)
	tx := l.begin(t, nil)
	write(t, tx.Files, "a", "one")
	first, err := tx.CreateCommit(t.Context(), "first", nil)
	check(t, err)
	head, err := tx.Head(t.Context())
	check(t, err)
	equal(t, head.CommitId, first.CommitId)
	_, err = tx.CreateCommit(t.Context(), "nothing", nil)
	failed(t, err, codes.FailedPrecondition, lakeport.ReasonNoChanges)
	check(t, second(tx.Revert(t.Context(), first.CommitId, nil)))
	write(t, tx.Files, "b", "two")
	changes, err := collect(tx.Diff(t.Context(), ""))
	check(t, err)
	equal(t, changes[0].Path, "b")
	log, err := collect(tx.Log(t.Context(), &lakeport.LogOptions{Limit: 2}))
	check(t, err)
	equal(t, len(log), 2)
	check(t, second(tx.Commit(t.Context(), &lakeport.CommitOptions{Squash: true})))
	equal(t, paths(t, l.main, nil), "b")
}

func TestCommitWithoutMergeKeepsABranch(t *testing.T) {
	l := newLake(t)
	tx := l.begin(t, nil)
	write(t, tx.Files, "a", "one")
	info, err := tx.Commit(t.Context(), &lakeport.CommitOptions{SkipMerge: true})
	check(t, err)
	branch, err := l.repository.Branch(t.Context(), info.Branch)
	check(t, err)
	equal(t, branch.CommitId, info.CommitId)
	equal(t, info.Merged, false)
}

func TestBeginFailsWithTheReason(t *testing.T) {
	l := newLake(t)
	_, err := l.Begin(t.Context(), "missing-"+strings.ToLower(l.repository.Name()[:8]), "main", nil)
	failed(t, err, codes.NotFound, lakeport.ReasonRepositoryNotFound)
	_, err = l.Begin(t.Context(), l.repository.Name(), "main", &lakeport.BeginOptions{IdleTimeout: time.Second})
	failed(t, err, codes.InvalidArgument, lakeport.ReasonInvalidField)
	id := "twice-" + l.repository.Name()
	l.begin(t, &lakeport.BeginOptions{TransactionID: id})
	l.begin(t, &lakeport.BeginOptions{TransactionID: id})
	_, err = l.Begin(t.Context(), l.repository.Name(), "main", &lakeport.BeginOptions{TransactionID: id, ReadOnly: true})
	failed(t, err, codes.AlreadyExists, lakeport.ReasonTransactionExists)
}

func TestTransactionIsContinuedWithoutARequestForItsState(t *testing.T) {
	l := newLake(t)
	tx := &lakeport.Transaction{Files: l.TransactionFiles(l.begin(t, nil).ID())}
	equal(t, tx.Info(), nil)
	stop := tx.StartKeepAlive(t.Context())
	write(t, tx.Files, "a", "one")
	check(t, second(tx.Commit(t.Context(), nil)))
	stop()
	equal(t, tx.Info().State, lakeportv1.TransactionState_TRANSACTION_STATE_COMMITTED)
	equal(t, read(t, l.main, "a"), "one")
}
