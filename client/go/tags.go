package lakeport

import (
	"context"
	"iter"

	"github.com/lakeport/lakeport/client/go/lakeportv1"
)

// Tags yields the tags whose names have a prefix, in order of their names. An error is the last element.
func (r *Repository) Tags(ctx context.Context, prefix string) iter.Seq2[*Tag, error] {
	return paged(func(token string) ([]*Tag, string, error) {
		page, err := unary(ctx, r.client, idempotent, r.client.versions.ListTags, &lakeportv1.ListTagsRequest{
			Repository: r.name,
			Prefix:     prefix,
			PageSize:   pageSize,
			PageToken:  token,
		})
		return page.GetTags(), page.GetNextPageToken(), err
	})
}

// Tag returns a tag. It fails with [ReasonRefNotFound].
func (r *Repository) Tag(ctx context.Context, name string) (*Tag, error) {
	request := &lakeportv1.GetTagRequest{Repository: r.name, Tag: name}
	response, err := unary(ctx, r.client, idempotent, r.client.versions.GetTag, request)
	return response.GetTag(), err
}

// CreateTag creates a tag of the commit of a ref. It fails with [ReasonTagExists] or [ReasonRefNotFound].
func (r *Repository) CreateTag(ctx context.Context, name, ref string) (*Tag, error) {
	response, err := unary(ctx, r.client, idempotent, r.client.versions.CreateTag, &lakeportv1.CreateTagRequest{
		Repository: r.name,
		Tag:        name,
		Ref:        ref,
		RequestId:  randomID(),
	})
	return response.GetTag(), err
}

// DeleteTag deletes a tag. It fails with [ReasonRefNotFound].
func (r *Repository) DeleteTag(ctx context.Context, name string) error {
	_, err := unary(ctx, r.client, idempotent, r.client.versions.DeleteTag, &lakeportv1.DeleteTagRequest{
		Repository: r.name,
		Tag:        name,
		RequestId:  randomID(),
	})
	return err
}
