package lakeport

import (
	"context"
	"iter"

	"github.com/lakeport/lakeport/client/go/lakeportv1"
)

// pageSize is the number of entries in a page of repositories, branches, tags or transactions: the maximum.
const pageSize = 1000

// Repository has the branches, tags and commits of a repository. It can be used concurrently.
//
// Each call that changes something has an idempotency key, which its retries repeat: it takes effect at most once. If it fails
// with [ReasonOutcomeUnknown], check whether it took effect before you call again.
type Repository struct {
	client *Client
	name   string
}

// Repositories yields the repositories whose names have a prefix, in order of their names. An error is the last element.
func (c *Client) Repositories(ctx context.Context, prefix string) iter.Seq2[*RepositoryInfo, error] {
	return paged(func(token string) ([]*RepositoryInfo, string, error) {
		page, err := unary(ctx, c, idempotent, c.versions.ListRepositories, &lakeportv1.ListRepositoriesRequest{
			Prefix:    prefix,
			PageSize:  pageSize,
			PageToken: token,
		})
		return page.GetRepositories(), page.GetNextPageToken(), err
	})
}

// CreateRepositoryOptions are the options of a new repository.
type CreateRepositoryOptions struct {
	// StorageNamespace is the URL where lakeFS stores the objects, such as s3://bucket/path. An embedded lake chooses it if
	// it is empty.
	StorageNamespace string
	// DefaultBranch is the name of the default branch. Empty: main.
	DefaultBranch string
	// ReadOnly makes the repository refuse writes.
	ReadOnly bool
}

// CreateRepository creates a repository. The name must match [a-z0-9][a-z0-9-]{2,62}. It fails with [ReasonRepositoryExists],
// or with [ErrInvalid] if another repository uses the storage namespace, or used it before.
func (c *Client) CreateRepository(ctx context.Context, name string, options *CreateRepositoryOptions) (*RepositoryInfo, error) {
	if options == nil {
		options = &CreateRepositoryOptions{}
	}
	response, err := unary(ctx, c, idempotent, c.versions.CreateRepository, &lakeportv1.CreateRepositoryRequest{
		Repository:       name,
		StorageNamespace: options.StorageNamespace,
		DefaultBranch:    options.DefaultBranch,
		ReadOnly:         options.ReadOnly,
		RequestId:        randomID(),
	})
	return response.GetRepository(), err
}

// DeleteRepository deletes a repository with all of its contents. It fails with [ReasonRepositoryNotFound].
func (c *Client) DeleteRepository(ctx context.Context, name string) error {
	_, err := unary(ctx, c, idempotent, c.versions.DeleteRepository, &lakeportv1.DeleteRepositoryRequest{
		Repository: name,
		RequestId:  randomID(),
	})
	return err
}

// Name returns the name of the repository.
func (r *Repository) Name() string {
	return r.name
}

// Info returns the properties of the repository. It fails with [ReasonRepositoryNotFound].
func (r *Repository) Info(ctx context.Context) (*RepositoryInfo, error) {
	request := &lakeportv1.GetRepositoryRequest{Repository: r.name}
	response, err := unary(ctx, r.client, idempotent, r.client.versions.GetRepository, request)
	return response.GetRepository(), err
}
