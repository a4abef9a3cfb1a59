package scenarios

import (
	"context"
	"os"
	"testing"
	"time"
)

// timeLimit is the longest time of a scenario. One with many cancelled calls may take longer.
const (
	timeLimit     = time.Minute
	longTimeLimit = 15 * time.Minute
)

// TestScenarios runs the scenarios of all clients, each as a subtest.
func TestScenarios(t *testing.T) {
	program := variable(t, "LAKEPORT_TEST_FIXTURE", "the program client-fixture")
	folder := variable(t, "LAKEPORT_TEST_SCENARIOS", "the folder tests/clients/scenarios of the repository")
	results := &report{file: os.Getenv("LAKEPORT_TEST_RESULTS")}
	scenarios, err := loadScenarios(folder)
	if err != nil {
		t.Fatal(err)
	}
	fixture, err := startFixture(program)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := fixture.stop(); err != nil {
			t.Error(err)
		}
	})
	limit := timeLimit
	if chosenCancellations() > 0 {
		limit = longTimeLimit
	}
	for _, scenario := range scenarios {
		t.Run(scenario.Name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(t.Context(), limit)
			defer cancel()
			began := time.Now()
			failure := run(ctx, fixture, scenario, t.TempDir())
			if err := results.add(scenario.Name, time.Since(began), failure); err != nil {
				t.Error(err)
			}
			if failure != nil {
				t.Fatal(failure)
			}
		})
	}
}

// variable returns an environment variable, and fails without one.
func variable(t *testing.T, name, meaning string) string {
	t.Helper()
	value := os.Getenv(name)
	if value == "" {
		t.Fatalf("%s is not set: set it to the path of %s", name, meaning)
	}
	return value
}
