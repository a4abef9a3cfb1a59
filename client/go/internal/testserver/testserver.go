// Package testserver connects tests to the server at LAKEPORT_TEST_ADDRESS.
package testserver

import (
	"crypto/rand"
	"os"
	"strings"
	"testing"

	lakeport "github.com/lakeport/lakeport/client/go"
)

// Address returns the address of the server. Without one, the test fails. In short mode, it is skipped.
func Address(t testing.TB) string {
	t.Helper()
	address := os.Getenv("LAKEPORT_TEST_ADDRESS")
	if address == "" && testing.Short() {
		t.Skip("needs a server")
	}
	if address == "" {
		t.Fatal("LAKEPORT_TEST_ADDRESS is not set: set it to HOST:PORT of a server with an embedded lake, or run go test -short")
	}
	return address
}

// Endpoint returns the URL of the server.
func Endpoint(t testing.TB) string {
	t.Helper()
	return "grpc://" + Address(t)
}

// Client returns a client, which is closed after the test.
func Client(t testing.TB) *lakeport.Client {
	t.Helper()
	client, err := lakeport.NewClient(Endpoint(t), lakeport.WithCredentials(lakeport.Anonymous()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := client.Close(); err != nil {
			t.Error(err)
		}
	})
	return client
}

// NewRepository creates a repository, and returns its name.
func NewRepository(t testing.TB, client *lakeport.Client) string {
	t.Helper()
	name := "go-" + strings.ToLower(rand.Text())
	if _, err := client.CreateRepository(t.Context(), name, nil); err != nil {
		t.Fatal(err)
	}
	return name
}
