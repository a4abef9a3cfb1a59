package lakeportblob

import (
	"context"
	"encoding/json"
	"errors"

	lakeport "github.com/lakeport/lakeport/client/go"
	"github.com/lakeport/lakeport/client/go/lakeportv1"
	"gocloud.dev/blob/driver"
)

// defaultPageSize is the size of a page of a listing: that of the server.
const defaultPageSize = 1000

// pageToken is a position in a listing.
type pageToken struct {
	// Limit is the limit of all requests of the listing: a token of the server belongs to one limit.
	Limit int64
	// Server is the token of the page that has the next entries.
	Server string
	// After is the path of the last entry that was returned, if the rest of the same page is next.
	After string
}

var errBadToken = errors.New("the page token is not from this bucket")

// ListPaged implements driver.Bucket.
func (b *bucket) ListPaged(ctx context.Context, options *driver.ListOptions) (*driver.ListPage, error) {
	pageSize := options.PageSize
	if pageSize == 0 {
		pageSize = defaultPageSize
	}
	token := pageToken{Limit: int64(pageSize)}
	if len(options.PageToken) > 0 {
		if err := json.Unmarshal(options.PageToken, &token); err != nil {
			return nil, errBadToken
		}
	}
	request := &lakeport.ListOptions{
		Prefix:    escapePath(options.Prefix),
		Delimiter: options.Delimiter,
		Limit:     token.Limit,
		PageToken: token.Server,
	}
	if err := before(options.BeforeList, request); err != nil {
		return nil, err
	}
	found, err := b.files.ListPage(ctx, request)
	if err != nil {
		return nil, err
	}
	return listPage(found, token, pageSize)
}

// listPage returns at most pageSize entries of a page of the server.
func listPage(found *lakeport.ListPage, token pageToken, pageSize int) (*driver.ListPage, error) {
	page := &driver.ListPage{}
	for _, entry := range found.Entries {
		if entry.Path <= token.After {
			continue
		}
		if len(page.Objects) == pageSize {
			// The caller has chosen a smaller page than before.
			return withToken(page, token)
		}
		page.Objects = append(page.Objects, listObject(entry))
		token.After = entry.Path
	}
	if found.NextPageToken == "" {
		return page, nil
	}
	return withToken(page, pageToken{Limit: token.Limit, Server: found.NextPageToken})
}

func withToken(page *driver.ListPage, token pageToken) (*driver.ListPage, error) {
	text, err := json.Marshal(token)
	page.NextPageToken = text
	return page, err
}

func listObject(entry *lakeport.FileInfo) *driver.ListObject {
	object := &driver.ListObject{Key: unescapePath(entry.Path), AsFunc: func(target any) bool { return assign(target, entry) }}
	if entry.Kind == lakeportv1.FileKind_FILE_KIND_PREFIX {
		object.IsDir = true
	} else {
		object.ModTime, object.Size = entry.UpdateTime.AsTime(), entry.SizeBytes
	}
	return object
}
