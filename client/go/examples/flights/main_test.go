package main

import (
	"fmt"
	"strings"
	"testing"

	lakeport "github.com/lakeport/lakeport/client/go"
	"github.com/lakeport/lakeport/client/go/internal/testserver"
)

// table returns a small stand-in for the flights of 2013.
func table() string {
	var text strings.Builder
	text.WriteString("year,month,day,carrier\n")
	for row := range 365 {
		fmt.Fprintf(&text, "2013,%d,%d,UA\n", row%12+1, row%28+1)
	}
	return text.String()
}

func TestFlightsArePublishedTogetherOrNotAtAll(t *testing.T) {
	client := testserver.Client(t)
	repository := testserver.NewRepository(t, client)
	broken := table() + "no month\n"
	if err := publish(t.Context(), client, strings.NewReader(broken), repository, "main", "flights-2013"); err == nil {
		t.Fatal("a broken table was published")
	}
	count := func(ref string) (months int) {
		for _, err := range client.Files(repository, ref).List(t.Context(), &lakeport.ListOptions{Prefix: "flights/2013/"}) {
			if err != nil {
				t.Fatal(err)
			}
			months++
		}
		return months
	}
	if months := count("main"); months != 0 {
		t.Fatalf("%d months of a broken table", months)
	}
	if err := publish(t.Context(), client, strings.NewReader(table()), repository, "main", "flights-2013"); err != nil {
		t.Fatal(err)
	}
	if months := count("flights-2013"); months != 12 {
		t.Fatalf("%d months", months)
	}
	january, err := client.Files(repository, "flights-2013").ReadAll(t.Context(), "flights/2013/month=01.csv", nil)
	if err != nil || !strings.HasPrefix(string(january), "year,month,day,carrier\n2013,1,1,UA\n") {
		t.Fatalf("%q, %v", january, err)
	}
}
