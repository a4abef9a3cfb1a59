package main

import (
	"crypto/rand"
	"encoding/json"
	"os"
	"strings"
	"testing"

	lakeport "github.com/lakeport/lakeport/client/go"
)

const jobs = `{"operation": "write", "path": "a", "calls": 3, "size": 3000000, "callers": 2}
{"operation": "stat", "path": "a", "calls": 3, "size": 3000000, "callers": 2}
{"operation": "read", "path": "a", "calls": 3, "size": 3000000, "callers": 2}
`

// newRepository creates a repository on the server of the tests, which serve then uses.
func newRepository(t *testing.T) string {
	address := os.Getenv("LAKEPORT_TEST_ADDRESS")
	if address == "" && testing.Short() {
		t.Skip("needs a server")
	}
	if address == "" {
		t.Fatal("LAKEPORT_TEST_ADDRESS is not set: set it to HOST:PORT of a server with an embedded lake, or run go test -short")
	}
	t.Setenv("LAKEPORT_ENDPOINT", "grpc://"+address)
	client, err := lakeport.NewClient("", lakeport.WithCredentials(lakeport.Anonymous()))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	repository := "go-" + strings.ToLower(rand.Text())
	if _, err := client.CreateRepository(t.Context(), repository, nil); err != nil {
		t.Fatal(err)
	}
	return repository
}

func TestEachJobHasAnOutcome(t *testing.T) {
	var printed strings.Builder
	if err := serve(newRepository(t), strings.NewReader(jobs), &printed); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(printed.String()), "\n")
	if len(lines) != 3 {
		t.Fatalf("%d outcomes: %s", len(lines), printed.String())
	}
	for _, line := range lines {
		var found outcome
		if err := json.Unmarshal([]byte(line), &found); err != nil || found.Bytes != 9_000_000 || found.Seconds <= 0 {
			t.Errorf("%s, %v", line, err)
		}
	}
}

func TestAFailedCallEndsTheJobs(t *testing.T) {
	var printed strings.Builder
	if err := serve(newRepository(t), strings.NewReader(`{"operation": "read", "path": "a", "calls": 1, "callers": 1}`), &printed); err == nil {
		t.Fatalf("no error, but %s", printed.String())
	}
}
