// The program flights publishes one year of flights as twelve monthly files and a tag: all of them, or none.
//
//	flights flights.csv lake main flights-2013
//
// The server is that of LAKEPORT_ENDPOINT. The table has a header, and the number of the month in its second column.
package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"

	lakeport "github.com/lakeport/lakeport/client/go"
)

func main() {
	if len(os.Args) != 5 {
		fmt.Fprintln(os.Stderr, "usage: flights FILE REPOSITORY BRANCH TAG")
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1], os.Args[2], os.Args[3], os.Args[4]); err != nil {
		fmt.Fprintln(os.Stderr, "flights:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, name, repository, branch, tag string) error {
	table, err := os.Open(name)
	if err != nil {
		return err
	}
	defer table.Close()
	client, err := lakeport.NewClient("")
	if err != nil {
		return err
	}
	defer client.Close()
	return publish(ctx, client, table, repository, branch, tag)
}

// publish writes the months in a transaction. Other users do not see them before the commit. If this machine dies, the
// transaction expires ten minutes later.
func publish(ctx context.Context, client *lakeport.Client, table io.Reader, repository, branch, tag string) error {
	begin := &lakeport.BeginOptions{Labels: map[string]string{"job": "flights"}}
	commit := &lakeport.CommitOptions{Message: "Add the flights of 2013", Tags: []string{tag}}
	info, err := client.WithTransaction(ctx, repository, branch, func(ctx context.Context, tx *lakeport.Transaction) error {
		if err := writeMonths(ctx, tx.Files, table); err != nil {
			return err
		}
		for change, err := range tx.Changes(ctx, "") {
			if err != nil {
				return err
			}
			fmt.Println(change.Kind, change.Path, change.SizeBytes)
		}
		return nil
	}, begin, commit)
	if errors.Is(err, lakeport.ErrConflict) {
		return fmt.Errorf("another job has published the same months; run this one again: %w", err)
	}
	if err != nil {
		return err
	}
	fmt.Println("commit", info.CommitId)
	return nil
}

// writeMonths writes the rows of each month to a file of its own.
func writeMonths(ctx context.Context, files *lakeport.Files, table io.Reader) error {
	rows := bufio.NewScanner(table)
	if !rows.Scan() {
		return errors.Join(errors.New("the table has no header"), rows.Err())
	}
	header := rows.Text()
	months := make(map[string]*lakeport.Writer)
	defer func() {
		for _, w := range months {
			w.Abort() // no effect after Close
		}
	}()
	for rows.Scan() {
		month, err := monthOf(rows.Text())
		if err != nil {
			return err
		}
		w, isOpen := months[month]
		if !isOpen {
			w = files.NewWriter(ctx, fmt.Sprintf("flights/2013/month=%02s.csv", month), nil)
			months[month] = w
			if _, err := fmt.Fprintln(w, header); err != nil {
				return err
			}
		}
		if _, err := fmt.Fprintln(w, rows.Text()); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil {
		return err
	}
	for _, w := range months {
		if err := w.Close(); err != nil {
			return err
		}
	}
	return nil
}

func monthOf(row string) (string, error) {
	columns := strings.SplitN(row, ",", 3)
	if len(columns) < 3 || columns[1] == "" {
		return "", fmt.Errorf("the row %q has no month", row)
	}
	return columns[1], nil
}
