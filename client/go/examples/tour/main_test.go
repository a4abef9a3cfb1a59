package main

import (
	"testing"

	"github.com/lakeport/lakeport/client/go/internal/testserver"
)

func TestTour(t *testing.T) {
	client := testserver.Client(t)
	if err := tour(t.Context(), client, testserver.NewRepository(t, client)); err != nil {
		t.Fatal(err)
	}
}
