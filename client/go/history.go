package lakeport

import (
	"context"
	"iter"
	"time"

	"github.com/lakeport/lakeport/client/go/lakeportv1"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// LogOptions select commits of a history.
type LogOptions struct {
	// Limit is the maximum number of commits. 0: no limit.
	Limit int64
	// FirstParent follows only first parents.
	FirstParent bool
	// Paths selects commits that changed one of these objects, or an object with one of the Prefixes, and no merge commits.
	Paths []string
	// Prefixes selects commits that changed an object with one of these prefixes, or one of the Paths, and no merge commits.
	Prefixes []string
	// Since selects commits made at this time or later, in whole seconds. Zero: all.
	Since time.Time
	// StopAt ends the history with the commit that this ref resolves to. Empty: the first commit.
	StopAt string
}

// Log yields the history of a ref, newest commit first. An error is the last element. It fails with [ReasonRefNotFound].
func (r *Repository) Log(ctx context.Context, ref string, options *LogOptions) iter.Seq2[*Commit, error] {
	return r.client.log(ctx, place{repository: r.name, ref: ref}, options)
}

// Log yields the history of the transaction, newest commit first. An error is the last element.
func (t *Transaction) Log(ctx context.Context, options *LogOptions) iter.Seq2[*Commit, error] {
	return t.client.log(ctx, t.place, options)
}

func (c *Client) log(ctx context.Context, at place, options *LogOptions) iter.Seq2[*Commit, error] {
	if options == nil {
		options = &LogOptions{}
	}
	request := &lakeportv1.LogRequest{
		Repository:    at.repository,
		Ref:           at.ref,
		TransactionId: at.transactionID,
		Limit:         options.Limit,
		FirstParent:   options.FirstParent,
		Paths:         options.Paths,
		Prefixes:      options.Prefixes,
		StopAtRef:     options.StopAt,
	}
	if !options.Since.IsZero() {
		request.Since = timestamppb.New(options.Since)
	}
	responses := all(ctx, c, idempotent, c.versions.Log, request)
	return flatten(responses, func(r *lakeportv1.LogResponse) []*Commit { return r.Commits })
}

// DiffOptions are the options of a comparison.
type DiffOptions struct {
	// Prefix selects paths with this prefix.
	Prefix string
	// TwoDot compares the right side with the left side itself, not with the common ancestor of both.
	TwoDot bool
}

// Diff yields the paths that the right ref changed, in byte order: compared with the common ancestor of both refs, or with
// the left ref itself. Compared with the ancestor, a path that the left ref changed differently has the kind KIND_CONFLICT.
// An error is the last element. It fails with [ReasonRefNotFound].
func (r *Repository) Diff(ctx context.Context, left, right string, options *DiffOptions) iter.Seq2[*PathChange, error] {
	if options == nil {
		options = &DiffOptions{}
	}
	mode := lakeportv1.DiffMode_DIFF_MODE_THREE_DOT
	if options.TwoDot {
		mode = lakeportv1.DiffMode_DIFF_MODE_TWO_DOT
	}
	return r.client.diff(ctx, &lakeportv1.DiffRequest{
		Repository: r.name,
		Ref:        left,
		RightRef:   right,
		Prefix:     options.Prefix,
		Mode:       mode,
	})
}

// Uncommitted yields the uncommitted changes of a branch to paths with a prefix, in byte order. An error is the last element.
// It fails with [ReasonRefNotFound].
func (r *Repository) Uncommitted(ctx context.Context, branch, prefix string) iter.Seq2[*PathChange, error] {
	return r.client.diff(ctx, &lakeportv1.DiffRequest{
		Repository: r.name,
		Ref:        branch,
		Prefix:     prefix,
		Mode:       lakeportv1.DiffMode_DIFF_MODE_UNCOMMITTED,
	})
}

// Diff yields the paths with a prefix that the transaction changed since the commit from which it began, in byte order, with
// its uncommitted changes. An error is the last element. See also [Transaction.Changes], which reports conflicts with the
// base branch.
func (t *Transaction) Diff(ctx context.Context, prefix string) iter.Seq2[*PathChange, error] {
	return t.client.diff(ctx, &lakeportv1.DiffRequest{TransactionId: t.ID(), Prefix: prefix})
}

func (c *Client) diff(ctx context.Context, request *lakeportv1.DiffRequest) iter.Seq2[*PathChange, error] {
	responses := all(ctx, c, idempotent, c.versions.Diff, request)
	return flatten(responses, func(r *lakeportv1.DiffResponse) []*PathChange { return r.Changes })
}
