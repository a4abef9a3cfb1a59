package lakeport

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/lakeport/lakeport/client/go/lakeportv1"
)

// Files are the objects of a ref or of a transaction. Paths are keys of lakeFS: 1 to 1,024 bytes of UTF-8, never normalized.
// Files can be used concurrently.
//
// Calls that change objects need a branch or an open transaction. Without one, they fail with [ReasonRefNotABranch], or with
// a reason such as [ReasonTransactionCommitted].
type Files struct {
	client *Client
	place  place
}

// place is the location of objects: a ref of a repository, or a transaction.
type place struct {
	repository    string
	ref           string
	transactionID string
}

// String returns the location: repository and ref, or the transaction.
func (f *Files) String() string {
	if f.place.transactionID != "" {
		return "transaction " + f.place.transactionID
	}
	return fmt.Sprintf("%s of repository %s", f.place.ref, f.place.repository)
}

// Stat returns the size, etag, metadata and other properties of an object. It fails with [ReasonObjectNotFound] if no object
// has exactly this path.
func (f *Files) Stat(ctx context.Context, path string) (*FileInfo, error) {
	response, err := unary(ctx, f.client, idempotent, f.client.files.Stat, &lakeportv1.StatRequest{
		Repository:    f.place.repository,
		Ref:           f.place.ref,
		TransactionId: f.place.transactionID,
		Path:          path,
	})
	if err != nil {
		return nil, err
	}
	return response.Info, nil
}

// Exists returns whether an object exists. It fails with [ErrNotFound] if the repository, the ref or the transaction does not.
func (f *Files) Exists(ctx context.Context, path string) (bool, error) {
	_, err := f.Stat(ctx, path)
	if errors.Is(err, ReasonObjectNotFound) {
		return false, nil
	}
	return err == nil, err
}

// SetMetadata replaces all user metadata of an object. Keys must match [a-z0-9._-]+.
func (f *Files) SetMetadata(ctx context.Context, path string, metadata map[string]string) (*FileInfo, error) {
	response, err := unary(ctx, f.client, idempotent, f.client.files.SetMetadata, &lakeportv1.SetMetadataRequest{
		Repository:    f.place.repository,
		Ref:           f.place.ref,
		TransactionId: f.place.transactionID,
		Path:          path,
		Metadata:      metadata,
	})
	if err != nil {
		return nil, err
	}
	return response.Info, nil
}

// PresignedURL is a URL from which an object can be read without credentials.
type PresignedURL struct {
	URL string
	// Expires is the expiry of the URL. Zero: lakeFS does not report it.
	Expires time.Time
}

// Presign returns a URL from which the object can be read without credentials. It fails with [ErrUnsupported] if the object store
// does not support presigned URLs.
func (f *Files) Presign(ctx context.Context, path string) (PresignedURL, error) {
	response, err := unary(ctx, f.client, idempotent, f.client.files.Presign, &lakeportv1.PresignRequest{
		Repository:    f.place.repository,
		Ref:           f.place.ref,
		TransactionId: f.place.transactionID,
		Path:          path,
	})
	if err != nil {
		return PresignedURL{}, err
	}
	presigned := PresignedURL{URL: response.Url}
	if response.ExpireTime != nil {
		presigned.Expires = response.ExpireTime.AsTime()
	}
	return presigned, nil
}
