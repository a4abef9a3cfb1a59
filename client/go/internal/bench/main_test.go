package main

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/lakeport/lakeport/client/go/internal/testserver"
)

const jobs = `{"operation": "write", "path": "a", "calls": 3, "size": 3000000, "callers": 2}
{"operation": "stat", "path": "a", "calls": 3, "size": 3000000, "callers": 2}
{"operation": "read", "path": "a", "calls": 3, "size": 3000000, "callers": 2}
`

// newRepository creates a repository on the server of the tests, which serve then uses.
func newRepository(t *testing.T) string {
	t.Setenv("LAKEPORT_ENDPOINT", testserver.Endpoint(t))
	return testserver.NewRepository(t, testserver.Client(t))
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
