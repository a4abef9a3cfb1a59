package lakeport

import (
	"context"
	"io"
	"iter"

	"github.com/lakeport/lakeport/client/go/lakeportv1"
)

// ListOptions are the filters and limits of a listing.
type ListOptions struct {
	// Prefix selects paths that begin with this text. It need not end with the delimiter.
	Prefix string
	// Delimiter, usually "/", folds paths that are equal up to the first delimiter after the prefix into one entry of the kind
	// FILE_KIND_PREFIX. Empty: list all objects.
	Delimiter string
	// Glob selects paths that match this pattern as a whole: * and ? do not match /, ** does. Empty: all.
	Glob string
	// MaxDepth is the maximum number of segments, separated by /, after the prefix. 0: no limit.
	MaxDepth int32
	// Limit is the maximum number of entries. 0: no limit.
	Limit int64
	// PageToken continues a listing with the same options after the end of a [ListPage]. Empty: from the start.
	PageToken string
}

// ListPage is a part of a listing.
type ListPage struct {
	// Entries are in byte order of their paths.
	Entries []*FileInfo
	// NextPageToken continues the listing. Empty at the end of the listing.
	NextPageToken string
}

// List yields objects, and with a delimiter also prefixes, in byte order of their paths. The server streams them as they are
// consumed. After a lost connection, the listing continues. If no object matches, it yields nothing. An error is the last
// element. It fails with [ErrNotFound] if the repository, the ref or the transaction does not exist.
func (f *Files) List(ctx context.Context, options *ListOptions) iter.Seq2[*FileInfo, error] {
	return func(yield func(*FileInfo, error) bool) {
		if options == nil {
			options = &ListOptions{}
		}
		left := options.Limit
		for page, err := range f.pages(ctx, options) {
			if err != nil {
				yield(nil, err)
				return
			}
			for _, entry := range page.Entries {
				if !yield(entry, nil) {
					return
				}
				if left--; left == 0 {
					return
				}
			}
		}
	}
}

// ListPage returns at most Limit entries, and the token of the next page. The Limit must be at least 1.
func (f *Files) ListPage(ctx context.Context, options *ListOptions) (*ListPage, error) {
	if options == nil || options.Limit < 1 {
		return nil, invalid("a page of a listing needs a limit of at least 1")
	}
	whole := &ListPage{}
	for page, err := range f.pages(ctx, options) {
		if err != nil {
			return nil, err
		}
		// After a lost connection, the server counts the limit again.
		if int64(len(whole.Entries)+len(page.Entries)) > options.Limit {
			break
		}
		whole.Entries = append(whole.Entries, page.Entries...)
		whole.NextPageToken = page.NextPageToken
	}
	return whole, nil
}

// pages yields the pages of a listing. After a lost connection, it continues after the last page.
func (f *Files) pages(ctx context.Context, options *ListOptions) iter.Seq2[*lakeportv1.ListResponse, error] {
	return func(yield func(*lakeportv1.ListResponse, error) bool) {
		request := f.listRequest(options)
		clock, tries := newProgress(f.client.timeout), retries{policy: idempotent}
		for {
			err := f.pagesOnce(ctx, request, clock, func(page *lakeportv1.ListResponse) bool {
				tries = retries{policy: idempotent}
				request.PageToken = page.NextPageToken
				return yield(page, nil)
			})
			if err == nil {
				return
			}
			if !waitFor(ctx, &tries, clock, err) {
				yield(nil, err)
				return
			}
		}
	}
}

// pagesOnce passes the pages of one call to use, until use returns false.
func (f *Files) pagesOnce(
	ctx context.Context, request *lakeportv1.ListRequest, clock *progress, use func(*lakeportv1.ListResponse) bool,
) error {
	stream, err := openOnce(ctx, f.client, clock, f.client.files.List, request)
	if err != nil {
		return err
	}
	defer stream.close()
	for {
		page, err := stream.next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if !use(page) {
			return nil
		}
		if page.NextPageToken == "" {
			// The listing is complete. To read to the end ends the call in order, and its result no longer matters.
			_, _ = stream.next()
			return nil
		}
		clock.made()
	}
}

func (f *Files) listRequest(options *ListOptions) *lakeportv1.ListRequest {
	return &lakeportv1.ListRequest{
		Repository:    f.place.repository,
		Ref:           f.place.ref,
		TransactionId: f.place.transactionID,
		Prefix:        options.Prefix,
		Delimiter:     options.Delimiter,
		MatchGlob:     options.Glob,
		MaxDepth:      options.MaxDepth,
		Limit:         options.Limit,
		PageToken:     options.PageToken,
	}
}
