package main

import (
	"crypto/rand"
	"os"
	"strings"
	"testing"

	lakeport "github.com/lakeport/lakeport/client/go"
)

func TestTour(t *testing.T) {
	address := os.Getenv("LAKEPORT_TEST_ADDRESS")
	if address == "" && testing.Short() {
		t.Skip("needs a server")
	}
	if address == "" {
		t.Fatal("LAKEPORT_TEST_ADDRESS is not set: set it to HOST:PORT of a server with an embedded lake, or run go test -short")
	}
	client, err := lakeport.NewClient("grpc://"+address, lakeport.WithCredentials(lakeport.Anonymous()))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	repository := "go-" + strings.ToLower(rand.Text())
	if _, err := client.CreateRepository(t.Context(), repository, nil); err != nil {
		t.Fatal(err)
	}
	if err := tour(t.Context(), client, repository); err != nil {
		t.Fatal(err)
	}
}
