package lakeportblob

import (
	"context"
	"fmt"
	"net/url"
	"strings"

	lakeport "github.com/lakeport/lakeport/client/go"
	"gocloud.dev/blob"
)

// Scheme is the scheme of the URLs that blob.OpenBucket opens with this package.
const Scheme = "lakeport"

// transactionPrefix begins a ref that is the ID of a transaction.
const transactionPrefix = "tx:"

// init registers the scheme, as packages of gocloud.dev do.
func init() {
	blob.DefaultURLMux().RegisterBucket(Scheme, &URLOpener{})
}

// URLOpener opens URLs like lakeport://REPOSITORY/REF, or lakeport://REPOSITORY/tx:ID for a transaction.
//
// The query parameter endpoint is the URL of the server, if Client is nil. Without it, the environment variable
// LAKEPORT_ENDPOINT has the URL. The parameter prefix of gocloud.dev selects a directory.
type URLOpener struct {
	// Client is the client of all buckets. If it is nil, each bucket has its own, with the credentials of lakectl's
	// configuration.
	Client *lakeport.Client
}

// OpenBucketURL opens the bucket of a URL.
func (o *URLOpener) OpenBucketURL(_ context.Context, u *url.URL) (*blob.Bucket, error) {
	repository, ref := u.Host, strings.Trim(u.Path, "/")
	if repository == "" || ref == "" || strings.Contains(ref, "/") {
		return nil, fmt.Errorf("open bucket %q: expected %s://REPOSITORY/REF", shown(u), Scheme)
	}
	query := u.Query()
	endpoint := query.Get("endpoint")
	query.Del("endpoint")
	for parameter := range query {
		return nil, fmt.Errorf("open bucket %q: unknown query parameter %q", shown(u), parameter)
	}
	client, closeClient, err := o.client(endpoint)
	if err != nil {
		return nil, fmt.Errorf("open bucket %q: %w", shown(u), err)
	}
	files := client.Files(repository, ref)
	if id, isTransaction := strings.CutPrefix(ref, transactionPrefix); isTransaction {
		files = client.TransactionFiles(id)
	}
	return blob.NewBucket(&bucket{files: files, close: closeClient}), nil
}

// shown returns the URL without its parameters, which may have a secret.
func shown(u *url.URL) string {
	return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}).String()
}

// client returns the client of a bucket, and a function that closes it if it belongs to the bucket.
func (o *URLOpener) client(endpoint string) (*lakeport.Client, func() error, error) {
	if o.Client != nil {
		return o.Client, func() error { return nil }, nil
	}
	client, err := lakeport.NewClient(endpoint)
	if err != nil {
		return nil, nil, err
	}
	return client, client.Close, nil
}
