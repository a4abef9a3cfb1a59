package lakeport

import (
	"context"
	"encoding/base64"
	"fmt"
	"log/slog"
	"strings"
)

// Credentials identify a lakeFS user. Their string forms do not show them.
type Credentials struct {
	// header is the value of the authorization header. nil: none. A pointer, because package fmt prints the private fields of other types
	// without their methods, and prints a pointer as an address.
	header *string
	// source says where the client found the credentials. Empty: the program passed them.
	source string
}

// KeyPair returns the credentials of a lakeFS access key.
func KeyPair(accessKeyID, secretAccessKey string) Credentials {
	pair := base64.StdEncoding.EncodeToString([]byte(accessKeyID + ":" + secretAccessKey))
	return Credentials{header: new("Basic " + pair)}
}

// Token returns the credentials of a token that lakeFS or the operator of the server issued.
func Token(token string) Credentials {
	return Credentials{header: new("Bearer " + token)}
}

// Anonymous returns empty credentials. With them, the client sends none and does not look for any in the configuration of
// lakectl.
func Anonymous() Credentials {
	return Credentials{}
}

// String returns a text without the credentials.
func (c Credentials) String() string {
	if c.header == nil {
		return "lakeport.Credentials(none)"
	}
	return "lakeport.Credentials(…)"
}

// GoString returns a text without the credentials.
func (c Credentials) GoString() string {
	return c.String()
}

// Format prints a text without the credentials for every verb.
func (c Credentials) Format(state fmt.State, _ rune) {
	_, _ = fmt.Fprint(state, c.String())
}

// LogValue returns a text without the credentials.
func (c Credentials) LogValue() slog.Value {
	return slog.StringValue(c.String())
}

// check fails if the credentials cannot be sent in a header.
func (c Credentials) check() error {
	isForbidden := func(char rune) bool { return char < ' ' || char > '~' }
	if c.header == nil {
		return nil
	}
	if strings.ContainsFunc(*c.header, isForbidden) || strings.HasSuffix(*c.header, " ") {
		return invalid("the credentials are empty or contain characters that are not allowed in a header")
	}
	return nil
}

// perCall adds the authorization header to each call.
type perCall struct {
	header string
}

func (p perCall) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	return map[string]string{"authorization": p.header}, nil
}

// RequireTransportSecurity returns false: gRPC would refuse to send the header without TLS.
func (perCall) RequireTransportSecurity() bool {
	return false
}
