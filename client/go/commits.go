package lakeport

import (
	"context"

	"github.com/lakeport/lakeport/client/go/lakeportv1"
)

// CreateCommitOptions are the options of [Repository.CreateCommit] and [Transaction.CreateCommit].
type CreateCommitOptions struct {
	// Metadata of the commit. Keys that begin with lakeport. are reserved.
	Metadata map[string]string
	// AllowEmpty commits even if nothing changed.
	AllowEmpty bool
}

// CreateCommit commits the uncommitted changes of a branch. It fails with [ReasonNoChanges] or [ReasonHookRejected].
func (r *Repository) CreateCommit(ctx context.Context, branch, message string, options *CreateCommitOptions) (*Commit, error) {
	return r.client.createCommit(ctx, place{repository: r.name, ref: branch}, message, options)
}

// CreateCommit commits the uncommitted changes of the transaction, which stays open. The errors are those of
// [Repository.CreateCommit].
func (t *Transaction) CreateCommit(ctx context.Context, message string, options *CreateCommitOptions) (*Commit, error) {
	return t.client.createCommit(ctx, t.place, message, options)
}

func (c *Client) createCommit(ctx context.Context, at place, message string, options *CreateCommitOptions) (*Commit, error) {
	if options == nil {
		options = &CreateCommitOptions{}
	}
	response, err := unary(ctx, c, idempotent, c.versions.CreateCommit, &lakeportv1.CreateCommitRequest{
		Repository:    at.repository,
		Ref:           at.ref,
		TransactionId: at.transactionID,
		Message:       message,
		Metadata:      options.Metadata,
		AllowEmpty:    options.AllowEmpty,
		RequestId:     randomID(),
	})
	return response.GetCommit(), err
}

// Commit returns the commit that a ref resolves to. It fails with [ReasonRefNotFound].
func (r *Repository) Commit(ctx context.Context, ref string) (*Commit, error) {
	return r.client.getCommit(ctx, place{repository: r.name, ref: ref})
}

// Head returns the last commit of the transaction: before the first one, the commit from which the transaction began.
func (t *Transaction) Head(ctx context.Context) (*Commit, error) {
	return t.client.getCommit(ctx, t.place)
}

func (c *Client) getCommit(ctx context.Context, at place) (*Commit, error) {
	response, err := unary(ctx, c, idempotent, c.versions.GetCommit, &lakeportv1.GetCommitRequest{
		Repository:    at.repository,
		Ref:           at.ref,
		TransactionId: at.transactionID,
	})
	return response.GetCommit(), err
}

// MergeOptions are the options of a merge.
type MergeOptions struct {
	// Message of the merge: at most 64 KiB. Empty: a message that names source and destination.
	Message string
	// Metadata of the merge. Keys that begin with lakeport. are reserved.
	Metadata map[string]string
	// Strategy resolves conflicts.
	Strategy MergeStrategy
	// Squash combines all commits of the source into one commit without a second parent.
	Squash bool
}

// Merge merges a ref into a branch. It returns the ID of the new head of the branch. It fails with [ReasonMergeConflict],
// [ReasonNoChanges], [ReasonBaseDirty] or [ReasonHookRejected].
func (r *Repository) Merge(ctx context.Context, source, destination string, options *MergeOptions) (commitID string, err error) {
	if options == nil {
		options = &MergeOptions{}
	}
	response, err := unary(ctx, r.client, idempotent, r.client.versions.Merge, &lakeportv1.MergeRequest{
		Repository:        r.name,
		Ref:               source,
		DestinationBranch: destination,
		Message:           options.Message,
		Metadata:          options.Metadata,
		Strategy:          options.Strategy,
		Squash:            options.Squash,
		RequestId:         randomID(),
	})
	return response.GetCommitId(), err
}

// RevertOptions are the options of [Repository.Revert] and [Transaction.Revert].
type RevertOptions struct {
	// ParentNumber is the number of the parent to revert to, if the commit is a merge. 1 is the first parent. The commit of a
	// transaction is a merge.
	ParentNumber int32
	// Message of the new commit. Empty: a message that names the reverted commit.
	Message string
	// Metadata of the new commit. Keys that begin with lakeport. are reserved.
	Metadata map[string]string
}

// Revert undoes the changes of a commit with a new commit on a branch, which it returns. It fails with [ReasonMergeConflict],
// [ReasonNoChanges] or [ReasonBaseDirty].
func (r *Repository) Revert(ctx context.Context, branch, ref string, options *RevertOptions) (*Commit, error) {
	return r.client.revert(ctx, place{repository: r.name, ref: branch}, ref, options)
}

// Revert undoes the changes of a commit with a new commit in the transaction, which it returns. The transaction stays open.
// It must not have uncommitted changes: call [Transaction.CreateCommit] first. The errors are those of [Repository.Revert].
func (t *Transaction) Revert(ctx context.Context, ref string, options *RevertOptions) (*Commit, error) {
	return t.client.revert(ctx, t.place, ref, options)
}

func (c *Client) revert(ctx context.Context, at place, ref string, options *RevertOptions) (*Commit, error) {
	if options == nil {
		options = &RevertOptions{}
	}
	response, err := unary(ctx, c, idempotent, c.versions.Revert, &lakeportv1.RevertRequest{
		Repository:    at.repository,
		Branch:        at.ref,
		TransactionId: at.transactionID,
		Ref:           ref,
		ParentNumber:  options.ParentNumber,
		Message:       options.Message,
		Metadata:      options.Metadata,
		RequestId:     randomID(),
	})
	return response.GetCommit(), err
}

// CherryPickOptions are the options of a cherry-pick.
type CherryPickOptions struct {
	// ParentNumber is the number of the parent to compare the commit with, if it is a merge. 1 is the first parent.
	ParentNumber int32
}

// CherryPick applies the changes of a commit to a branch, as a new commit, which it returns. It fails with
// [ReasonMergeConflict] or [ReasonBaseDirty].
func (r *Repository) CherryPick(ctx context.Context, branch, ref string, options *CherryPickOptions) (*Commit, error) {
	if options == nil {
		options = &CherryPickOptions{}
	}
	response, err := unary(ctx, r.client, idempotent, r.client.versions.CherryPick, &lakeportv1.CherryPickRequest{
		Repository:   r.name,
		Branch:       branch,
		Ref:          ref,
		ParentNumber: options.ParentNumber,
		RequestId:    randomID(),
	})
	return response.GetCommit(), err
}
