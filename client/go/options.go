package lakeport

import (
	"crypto/tls"
	"crypto/x509"
	"os"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
)

// Option is a setting of a client.
type Option func(*settings)

type settings struct {
	credentials *Credentials
	timeout     time.Duration
	caFile      string
	dialOptions []grpc.DialOption
}

// WithCredentials sets the credentials: [KeyPair], [Token] or [Anonymous]. The client then does not read the configuration of
// lakectl.
func WithCredentials(credentials Credentials) Option {
	return func(s *settings) { s.credentials = &credentials }
}

// WithTimeout sets the timeout of calls with a single response, with all their retries, and the time without progress by the
// server after which uploads, downloads and listings fail. Default: 60 s. 0: no timeout. Commits are retried for longer; see
// [Transaction.Commit].
func WithTimeout(timeout time.Duration) Option {
	return func(s *settings) { s.timeout = timeout }
}

// WithCAFile sets a PEM file with the certificate authorities that the client trusts for grpcs:// URLs, in place of those of the
// system.
func WithCAFile(path string) Option {
	return func(s *settings) { s.caFile = path }
}

// WithDialOptions adds options of gRPC, such as interceptors. They override those of the client.
func WithDialOptions(options ...grpc.DialOption) Option {
	return func(s *settings) { s.dialOptions = append(s.dialOptions, options...) }
}

func (s settings) findCredentials() (Credentials, error) {
	if s.timeout < 0 {
		return Credentials{}, invalid("the timeout %v is negative", s.timeout)
	}
	if s.credentials == nil {
		found, err := lakectlCredentials()
		if err != nil {
			return Credentials{}, err
		}
		return found, found.check()
	}
	return *s.credentials, s.credentials.check()
}

// transportCredentials returns the TLS settings of the connection.
func (s settings) transportCredentials(server endpoint) (credentials.TransportCredentials, error) {
	if !server.encrypted {
		if s.caFile != "" {
			return nil, invalid("the CA file %s has no effect on %s: use grpcs:// for TLS", s.caFile, server.name)
		}
		return insecure.NewCredentials(), nil
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if s.caFile != "" {
		text, err := os.ReadFile(s.caFile)
		if err != nil {
			return nil, invalid("cannot read the CA file: %v", err).withCause(err)
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(text) {
			return nil, invalid("the CA file %s has no certificate in PEM format", s.caFile)
		}
	}
	return credentials.NewTLS(config), nil
}
