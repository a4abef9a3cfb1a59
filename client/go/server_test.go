package lakeport_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	lakeport "github.com/lakeport/lakeport/client/go"
	"github.com/lakeport/lakeport/client/go/internal/testserver"
	"google.golang.org/grpc/codes"
)

// lake is a new repository on the server at LAKEPORT_TEST_ADDRESS.
type lake struct {
	*lakeport.Client
	repository *lakeport.Repository
	// main has the objects of the branch main.
	main *lakeport.Files
}

// newLake creates a repository.
func newLake(t testing.TB, options ...lakeport.Option) lake {
	t.Helper()
	return newLakeAt(t, testserver.Endpoint(t), options...)
}

func newLakeAt(t testing.TB, endpoint string, options ...lakeport.Option) lake {
	t.Helper()
	client := newClient(t, endpoint, options...)
	name := testserver.NewRepository(t, client)
	return lake{Client: client, repository: client.Repository(name), main: client.Files(name, "main")}
}

func newClient(t testing.TB, endpoint string, options ...lakeport.Option) *lakeport.Client {
	t.Helper()
	options = append([]lakeport.Option{lakeport.WithCredentials(lakeport.Anonymous())}, options...)
	client, err := lakeport.NewClient(endpoint, options...)
	check(t, err)
	t.Cleanup(func() { check(t, client.Close()) })
	return client
}

// begin begins a transaction on main.
func (l lake) begin(t testing.TB, options *lakeport.BeginOptions) *lakeport.Transaction {
	t.Helper()
	tx, err := l.Begin(t.Context(), l.repository.Name(), "main", options)
	check(t, err)
	return tx
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// second returns the error of a call with a result.
func second[T any](_ T, err error) error {
	return err
}

// equal fails the test if two values differ.
func equal[T comparable](t testing.TB, found, wanted T) {
	t.Helper()
	if found != wanted {
		t.Fatalf("%v instead of %v", found, wanted)
	}
}

// write stores a text.
func write(t testing.TB, files *lakeport.Files, path, text string) {
	t.Helper()
	check(t, second(files.WriteAll(t.Context(), path, []byte(text), nil)))
}

// read returns an object as text.
func read(t testing.TB, files *lakeport.Files, path string) string {
	t.Helper()
	data, err := files.ReadAll(t.Context(), path, nil)
	check(t, err)
	return string(data)
}

// failed checks the code and the reason of an error, and returns it.
func failed(t testing.TB, err error, code codes.Code, reason lakeport.Reason) *lakeport.Error {
	t.Helper()
	var failure *lakeport.Error
	if !errors.As(err, &failure) || failure.Code != code || failure.Reason != reason {
		t.Fatalf("error %#v (%v) instead of %v %s", err, err, code, reason)
	}
	return failure
}

// collect returns the elements of an iterator, and its error.
func collect[T any](from func(func(T, error) bool)) ([]T, error) {
	var found []T
	for item, err := range from {
		if err != nil {
			return found, err
		}
		found = append(found, item)
	}
	return found, nil
}

// paths returns the paths of the entries of a listing, separated by spaces.
func paths(t testing.TB, files *lakeport.Files, options *lakeport.ListOptions) string {
	t.Helper()
	entries, err := collect(files.List(t.Context(), options))
	check(t, err)
	names := make([]string, len(entries))
	for index, entry := range entries {
		names[index] = entry.Path
	}
	return strings.Join(names, " ")
}

// canceled returns a context that has ended.
func canceled(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx
}
