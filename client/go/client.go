package lakeport

import (
	"context"
	"time"

	"github.com/lakeport/lakeport/client/go/lakeportv1"
	"google.golang.org/grpc"
)

// defaultTimeout is the timeout of calls with a single response.
const defaultTimeout = 60 * time.Second

// Client is a client of one server. It can be used concurrently. It connects on the first call, and reconnects after a lost
// connection.
type Client struct {
	endpoint     endpoint
	credentials  Credentials
	timeout      time.Duration
	connection   *grpc.ClientConn
	files        lakeportv1.FileServiceClient
	transactions lakeportv1.TransactionServiceClient
	versions     lakeportv1.VersionServiceClient
}

// NewClient returns a client of the server at a URL: grpc://HOST[:50051], grpcs://HOST[:443] with TLS, or unix:/PATH. The schemes
// http and https mean the same as grpc and grpcs. If endpoint is empty, the environment variable LAKEPORT_ENDPOINT has the URL.
//
// Without [WithCredentials], the client sends the key pair of lakectl's configuration, if there is one: of the environment
// variables LAKECTL_CREDENTIALS_ACCESS_KEY_ID and LAKECTL_CREDENTIALS_SECRET_ACCESS_KEY, or of the file LAKECTL_CONFIG_FILE,
// by default ~/.lakectl.yaml.
//
// NewClient sends nothing to the server. It fails with [ErrInvalid] if the URL, the credentials or an option is invalid. Call
// [Client.Close] when the client is no longer needed.
func NewClient(endpoint string, options ...Option) (*Client, error) {
	settings := settings{timeout: defaultTimeout}
	for _, option := range options {
		option(&settings)
	}
	server, err := findEndpoint(endpoint)
	if err != nil {
		return nil, err
	}
	credentials, err := settings.findCredentials()
	if err != nil {
		return nil, err
	}
	connection, err := connect(server, credentials, settings)
	if err != nil {
		return nil, err
	}
	return &Client{
		endpoint:     server,
		credentials:  credentials,
		timeout:      settings.timeout,
		connection:   connection,
		files:        lakeportv1.NewFileServiceClient(connection),
		transactions: lakeportv1.NewTransactionServiceClient(connection),
		versions:     lakeportv1.NewVersionServiceClient(connection),
	}, nil
}

// Close closes the connection. Calls in flight fail with [ErrUnavailable].
func (c *Client) Close() error {
	return c.connection.Close()
}

// Conn returns the connection, for the stubs of package lakeportv1. Their calls have the credentials of the client, and no
// retries or timeouts.
func (c *Client) Conn() grpc.ClientConnInterface {
	return c.connection
}

// String returns the URL of the server.
func (c *Client) String() string {
	return c.endpoint.name
}

// ServerInfo returns the versions, limits and features of the server and of its lakeFS.
func (c *Client) ServerInfo(ctx context.Context) (*ServerInfo, error) {
	return unary(ctx, c, idempotent, c.files.GetServerInfo, &lakeportv1.GetServerInfoRequest{})
}

// Files returns the objects of a branch, tag, commit ID, or an expression such as main~1. Writes need a branch. Sends no request.
func (c *Client) Files(repository, ref string) *Files {
	return &Files{client: c, place: place{repository: repository, ref: ref}}
}

// TransactionFiles returns the objects of a transaction, which any process may have begun. Sends no request.
func (c *Client) TransactionFiles(transactionID string) *Files {
	return &Files{client: c, place: place{transactionID: transactionID}}
}

// Repository returns the branches, tags and commits of a repository. Sends no request.
func (c *Client) Repository(name string) *Repository {
	return &Repository{client: c, name: name}
}
