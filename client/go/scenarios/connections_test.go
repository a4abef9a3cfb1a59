package scenarios

import (
	"os"
	"testing"
)

func TestEnvironmentIsRestored(t *testing.T) {
	t.Setenv("HOME", "/before")
	t.Setenv("LAKEPORT_ENDPOINT", "grpc://127.0.0.1:2")
	restore, err := newConnections(&sandbox{}, "/home").setEnvironment(map[string]string{"LAKECTL_CONFIG_FILE": "/file"})
	if err != nil {
		t.Fatal(err)
	}
	_, found := os.LookupEnv("LAKEPORT_ENDPOINT")
	if found || os.Getenv("HOME") != "/home" || os.Getenv("LAKECTL_CONFIG_FILE") != "/file" {
		t.Error(os.Environ())
	}
	restore()
	_, found = os.LookupEnv("LAKECTL_CONFIG_FILE")
	if found || os.Getenv("HOME") != "/before" || os.Getenv("LAKEPORT_ENDPOINT") != "grpc://127.0.0.1:2" {
		t.Error(os.Environ())
	}
}

func TestClientWithoutAddressFails(t *testing.T) {
	connections := newConnections(&sandbox{Address: "127.0.0.1:1"}, t.TempDir())
	defer connections.close()
	for _, step := range []fields{{"as": "none", "env": fields{}}, {"as": "odd", "endpoint": "ftp://127.0.0.1:1"}} {
		found := failureOf(connections.connect(step))
		if found["code"] != "INVALID_ARGUMENT" {
			t.Error(found)
		}
	}
	if err := connections.connect(fields{"as": "right"}); err != nil {
		t.Error(err)
	}
}
