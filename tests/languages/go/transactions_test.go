package languages

import (
	"testing"

	lakeport "github.com/lakeport/lakeport/client/go/lakeportv1"
)

func TestChangesOfATransactionArePathChanges(t *testing.T) {
	s := connect(t)
	s.write(t, target{branch: "main"}, "removed", []byte("removed"))
	s.commitBranch(t, "main")
	id := s.begin(t)
	s.write(t, target{transaction: id}, "added", []byte("added"))
	s.deleteInTransaction(t, id, "removed")
	stream, err := s.transactions.ListTransactionChanges(
		t.Context(),
		&lakeport.ListTransactionChangesRequest{TransactionId: id},
	)
	var changes []*lakeport.PathChange
	for _, message := range all(t, stream, err) {
		changes = append(changes, message.Changes...)
	}
	checkChanges(t, changes, []*lakeport.PathChange{
		{Path: "added", Kind: lakeport.PathChange_KIND_ADDED, SizeBytes: 5},
		{Path: "removed", Kind: lakeport.PathChange_KIND_REMOVED, SizeBytes: 7},
	})
}

func TestCommitWithoutMergeLeavesABranch(t *testing.T) {
	s := connect(t)
	id := s.begin(t)
	s.write(t, target{transaction: id}, "a", []byte("a"))
	committed, err := s.transactions.CommitTransaction(t.Context(), &lakeport.CommitTransactionRequest{
		TransactionId: id,
		SkipMerge:     true,
	})
	if err != nil {
		t.Fatal(err)
	}
	transaction := committed.Transaction
	if transaction.State != lakeport.TransactionState_TRANSACTION_STATE_COMMITTED || transaction.Merged {
		t.Fatalf("committed %v", transaction)
	}
	left, err := s.versions.GetBranch(t.Context(), &lakeport.GetBranchRequest{
		Repository: s.repository,
		Branch:     transaction.Branch,
	})
	if err != nil {
		t.Fatal(err)
	}
	if left.Branch.Name != transaction.Branch || left.Branch.CommitId != transaction.CommitId {
		t.Errorf("branch %v of %v", left.Branch, transaction)
	}
}
