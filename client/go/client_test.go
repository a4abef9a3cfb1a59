package lakeport_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	lakeport "github.com/lakeport/lakeport/client/go"
	"github.com/lakeport/lakeport/client/go/lakeportv1"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
)

// clearEnvironment unsets the variables that the client reads, and moves the home directory.
func clearEnvironment(t *testing.T) (home string) {
	t.Helper()
	home = t.TempDir()
	t.Setenv("HOME", home)
	for _, name := range []string{
		"LAKEPORT_ENDPOINT", "LAKECTL_CREDENTIALS_ACCESS_KEY_ID", "LAKECTL_CREDENTIALS_SECRET_ACCESS_KEY", "LAKECTL_CONFIG_FILE",
	} {
		t.Setenv(name, "")
	}
	return home
}

func TestEndpoints(t *testing.T) {
	clearEnvironment(t)
	for url, wanted := range map[string]string{
		"grpc://host":            "grpc://host:50051",
		"http://host:1/":         "grpc://host:1",
		"grpcs://host":           "grpcs://host:443",
		"https://host:8443":      "grpcs://host:8443",
		"GRPC://[::1]":           "grpc://[::1]:50051",
		"unix:/run/a b%20.sock":  "unix:/run/a b%20.sock",
		"unix:///run/lakeport.s": "unix:/run/lakeport.s",
	} {
		client, err := lakeport.NewClient(url)
		check(t, err)
		equal(t, client.String(), wanted)
		check(t, client.Close())
	}
}

func TestInvalidEndpointsAreRejectedWithoutSecrets(t *testing.T) {
	clearEnvironment(t)
	for _, url := range []string{
		"host:1", "ftp://host", "grpc://", "grpc://user:secret@host", "grpc://host/path", "grpc://host?x", "grpc://host:0",
		"grpc://host:99999", "unix:relative", "unix:/", "grpc://user:secret@ho st",
	} {
		_, err := lakeport.NewClient(url)
		failed(t, err, codes.InvalidArgument, "")
		equal(t, strings.Contains(err.Error(), "secret"), false)
		t.Setenv("LAKEPORT_ENDPOINT", url)
		_, err = lakeport.NewClient("")
		equal(t, strings.Contains(err.Error(), "LAKEPORT_ENDPOINT"), true)
	}
	t.Setenv("LAKEPORT_ENDPOINT", "")
	_, err := lakeport.NewClient("")
	failed(t, err, codes.InvalidArgument, "")
	equal(t, strings.Contains(err.Error(), "set LAKEPORT_ENDPOINT"), true)
	t.Setenv("LAKEPORT_ENDPOINT", "grpc://elsewhere")
	client, err := lakeport.NewClient("")
	check(t, err)
	equal(t, client.String(), "grpc://elsewhere:50051")
	check(t, client.Close())
}

func TestInvalidOptionsAreRejected(t *testing.T) {
	clearEnvironment(t)
	missing := filepath.Join(t.TempDir(), "missing")
	for _, option := range []lakeport.Option{
		lakeport.WithTimeout(-1),
		lakeport.WithCAFile(missing),
		lakeport.WithCAFile(os.DevNull),
		lakeport.WithCredentials(lakeport.Token("")),
		lakeport.WithCredentials(lakeport.Token("a\nsecret")),
	} {
		_, err := lakeport.NewClient("grpcs://host", option)
		failed(t, err, codes.InvalidArgument, "")
		equal(t, strings.Contains(err.Error(), "secret"), false)
	}
	_, err := lakeport.NewClient("grpc://host", lakeport.WithCAFile(missing))
	failed(t, err, codes.InvalidArgument, "")
}

// sentAuthorization returns the header that a client sends.
func sentAuthorization(t *testing.T, options ...lakeport.Option) string {
	t.Helper()
	sent := ""
	server := &fake{stat: func(ctx context.Context, _ *lakeportv1.StatRequest) (*lakeportv1.StatResponse, error) {
		headers, _ := metadata.FromIncomingContext(ctx)
		sent = strings.Join(headers.Get("authorization"), " and ")
		return &lakeportv1.StatResponse{}, nil
	}}
	client := server.startAs(t, options...)
	check(t, stat(t, client))
	return sent
}

const (
	envPair      = "Basic ZW52OnNlY3JldA=="
	filePair     = "Basic ZmlsZTpzZWNyZXQ="
	explicitPair = "Basic aWQ6c2VjcmV0"
)

func TestCredentialsAreFoundInOrder(t *testing.T) {
	home := clearEnvironment(t)
	equal(t, sentAuthorization(t), "")
	const file = "credentials:\n  access_key_id: file\n  secret_access_key: secret\nserver:\n  endpoint_url: http://host\n"
	check(t, os.WriteFile(filepath.Join(home, ".lakectl.yaml"), []byte(file), 0o600))
	equal(t, sentAuthorization(t), filePair)
	t.Setenv("LAKECTL_CONFIG_FILE", os.DevNull)
	equal(t, sentAuthorization(t), "")
	t.Setenv("LAKECTL_CONFIG_FILE", "~/.lakectl.yaml")
	equal(t, sentAuthorization(t), filePair)
	t.Setenv("LAKECTL_CREDENTIALS_ACCESS_KEY_ID", "env")
	t.Setenv("LAKECTL_CREDENTIALS_SECRET_ACCESS_KEY", "secret")
	equal(t, sentAuthorization(t), envPair)
	equal(t, sentAuthorization(t, lakeport.WithCredentials(lakeport.KeyPair("id", "secret"))), explicitPair)
	equal(t, sentAuthorization(t, lakeport.WithCredentials(lakeport.Token("token"))), "Bearer token")
	equal(t, sentAuthorization(t, lakeport.WithCredentials(lakeport.Anonymous())), "")
}

func TestInvalidConfigurationIsRejectedWithoutSecrets(t *testing.T) {
	home := clearEnvironment(t)
	rejected := func(what string) {
		t.Helper()
		_, err := lakeport.NewClient("grpc://host")
		failed(t, err, codes.InvalidArgument, "")
		equal(t, strings.Contains(err.Error(), what), true)
		equal(t, strings.Contains(err.Error(), "hush"), false)
		// Explicit credentials do not need the configuration.
		client, err := lakeport.NewClient("grpc://host", lakeport.WithCredentials(lakeport.Anonymous()))
		check(t, err)
		check(t, client.Close())
	}
	t.Setenv("LAKECTL_CREDENTIALS_SECRET_ACCESS_KEY", "hush")
	rejected("LAKECTL_CREDENTIALS_ACCESS_KEY_ID")
	t.Setenv("LAKECTL_CREDENTIALS_SECRET_ACCESS_KEY", "")
	file := filepath.Join(home, ".lakectl.yaml")
	for _, text := range []string{"credentials: [hush", "credentials: hush", "credentials:\n  access_key_id: hush\n"} {
		check(t, os.WriteFile(file, []byte(text), 0o600))
		rejected("")
	}
	t.Setenv("LAKECTL_CONFIG_FILE", filepath.Join(home, "missing"))
	rejected("LAKECTL_CONFIG_FILE")
	t.Setenv("LAKECTL_CONFIG_FILE", home)
	rejected(home)
}

func TestCredentialsAreNeverPrinted(t *testing.T) {
	credentials := lakeport.KeyPair("id", "secret")
	private := struct{ c lakeport.Credentials }{credentials}
	client, err := lakeport.NewClient("grpc://127.0.0.1:1", lakeport.WithCredentials(credentials))
	check(t, err)
	defer client.Close()
	hidden := []string{"secret", "aWQ6c2VjcmV0"}
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Info("text", "credentials", credentials)
	slog.New(slog.NewJSONHandler(&log, nil)).Info("json", "credentials", credentials)
	for _, text := range []string{
		fmt.Sprintf("%v %+v %#v %s %q %x %d", credentials, credentials, credentials, credentials, credentials, credentials, credentials),
		fmt.Sprintf("%v %+v %#v", &credentials, []any{credentials}, struct{ C lakeport.Credentials }{credentials}),
		fmt.Sprintf("%v %+v %#v", private, private, private),
		fmt.Sprintf("%v %+v %#v", client, client, client),
		log.String(),
	} {
		for _, secret := range hidden {
			if strings.Contains(text, secret) {
				t.Errorf("%q contains the secret", text)
			}
		}
	}
}

func TestRejectedCredentialsNameTheirSource(t *testing.T) {
	clearEnvironment(t)
	t.Setenv("LAKECTL_CREDENTIALS_ACCESS_KEY_ID", "id")
	t.Setenv("LAKECTL_CREDENTIALS_SECRET_ACCESS_KEY", "hush")
	s := repeated(refusal(codes.Unauthenticated, lakeport.ReasonUnauthenticated, 0), 1)
	err := stat(t, statting(s).startAs(t))
	failed(t, err, codes.Unauthenticated, lakeport.ReasonUnauthenticated)
	equal(t, strings.Contains(err.Error(), "LAKECTL_CREDENTIALS_ACCESS_KEY_ID"), true)
	equal(t, strings.Contains(err.Error(), "hush"), false)
}
