package lakeport

import (
	"context"
	"iter"

	"github.com/lakeport/lakeport/client/go/lakeportv1"
)

// Branches yields the branches whose names have a prefix, in order of their names, without the private branches of transactions.
// An error is the last element.
func (r *Repository) Branches(ctx context.Context, prefix string) iter.Seq2[*Branch, error] {
	return paged(func(token string) ([]*Branch, string, error) {
		page, err := unary(ctx, r.client, idempotent, r.client.versions.ListBranches, &lakeportv1.ListBranchesRequest{
			Repository: r.name,
			Prefix:     prefix,
			PageSize:   pageSize,
			PageToken:  token,
		})
		return page.GetBranches(), page.GetNextPageToken(), err
	})
}

// Branch returns a branch. It fails with [ReasonRefNotFound].
func (r *Repository) Branch(ctx context.Context, name string) (*Branch, error) {
	request := &lakeportv1.GetBranchRequest{Repository: r.name, Branch: name}
	response, err := unary(ctx, r.client, idempotent, r.client.versions.GetBranch, request)
	return response.GetBranch(), err
}

// CreateBranch creates a branch at the commit of a ref. Uncommitted changes of the ref are not included. It fails with
// [ReasonBranchExists] or [ReasonRefNotFound].
func (r *Repository) CreateBranch(ctx context.Context, name, ref string) (*Branch, error) {
	response, err := unary(ctx, r.client, idempotent, r.client.versions.CreateBranch, &lakeportv1.CreateBranchRequest{
		Repository: r.name,
		Branch:     name,
		Ref:        ref,
		RequestId:  randomID(),
	})
	return response.GetBranch(), err
}

// DeleteBranch deletes a branch with its uncommitted changes. It fails with [ReasonRefNotFound], or with [ReasonDefaultBranch].
func (r *Repository) DeleteBranch(ctx context.Context, name string) error {
	_, err := unary(ctx, r.client, idempotent, r.client.versions.DeleteBranch, &lakeportv1.DeleteBranchRequest{
		Repository: r.name,
		Branch:     name,
		RequestId:  randomID(),
	})
	return err
}

// ResetOptions say what a reset discards. Without options, it discards all uncommitted changes.
type ResetOptions struct {
	// Path discards only the uncommitted change of this object.
	Path string
	// Prefix discards only the uncommitted changes of objects with this prefix.
	Prefix string
	// Target moves the branch to this ref, and keeps the uncommitted changes.
	Target string
}

// Reset discards uncommitted changes of a branch, or moves it to another commit. It returns the branch. At most one of the
// options may be set. It fails with [ErrNotFound] if the branch or the target does not exist.
func (r *Repository) Reset(ctx context.Context, branch string, options *ResetOptions) (*Branch, error) {
	if options == nil {
		options = &ResetOptions{}
	}
	response, err := unary(ctx, r.client, idempotent, r.client.versions.Reset, &lakeportv1.ResetRequest{
		Repository: r.name,
		Ref:        branch,
		Path:       options.Path,
		Prefix:     options.Prefix,
		TargetRef:  options.Target,
		RequestId:  randomID(),
	})
	return response.GetBranch(), err
}
