// The program write stores an object in a transaction that another program has begun.
//
// Usage: write TRANSACTION PATH TEXT. LAKEPORT_ENDPOINT has the URL of the server.
package main

import (
	"context"
	"fmt"
	"os"

	lakeport "github.com/lakeport/lakeport/client/go"
)

func main() {
	if len(os.Args) != 4 {
		fmt.Fprintln(os.Stderr, "usage: write TRANSACTION PATH TEXT")
		os.Exit(2)
	}
	if err := write(os.Args[1], os.Args[2], os.Args[3]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func write(transaction, path, text string) error {
	client, err := lakeport.NewClient("")
	if err != nil {
		return err
	}
	defer client.Close()
	_, err = client.TransactionFiles(transaction).WriteAll(context.Background(), path, []byte(text), nil)
	return err
}
