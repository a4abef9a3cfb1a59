// The program tour shows transactions, reads, conflicts, cancellation and deadlines.
//
//	tour lake
//
// The argument is a repository with the branch main. The server is that of LAKEPORT_ENDPOINT.
package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"time"

	lakeport "github.com/lakeport/lakeport/client/go"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: tour REPOSITORY")
		os.Exit(2)
	}
	client, err := lakeport.NewClient("")
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	if err := tour(context.Background(), client, os.Args[1]); err != nil {
		log.Fatal(err)
	}
}

func tour(ctx context.Context, client *lakeport.Client, repository string) error {
	commit := &lakeport.CommitOptions{Message: "Add three files", Tags: []string{"tour"}}
	if _, err := client.WithTransaction(ctx, repository, "main", publish, commit); err != nil {
		return err
	}
	tagged := client.Files(repository, "tour")
	text, err := tagged.ReadAll(ctx, "b.txt", nil)
	if err != nil {
		return err
	}
	fmt.Printf("by its tag: %s\n", text)

	// Two transactions change the same file. The one that commits last is rolled back.
	change := func(ctx context.Context, tx *lakeport.Transaction) error {
		_, err := tx.WriteAll(ctx, "a.txt", []byte(tx.ID()), nil)
		return err
	}
	_, err = client.WithTransaction(ctx, repository, "main", func(ctx context.Context, tx *lakeport.Transaction) error {
		_, err := client.WithTransaction(ctx, repository, "main", change)
		return errors.Join(err, change(ctx, tx))
	})
	var conflict *lakeport.Error
	if !errors.As(err, &conflict) || conflict.Reason != lakeport.ReasonMergeConflict {
		return fmt.Errorf("not a conflict: %v", err)
	}
	fmt.Println(conflict.Reason, conflict.Paths)

	canceled, cancel := context.WithCancel(ctx)
	defer cancel()
	large, err := tagged.NewReader(canceled, "large.bin", nil)
	if err != nil {
		return err
	}
	defer large.Close()
	cancel()
	if _, err := io.Copy(io.Discard, large); !errors.Is(err, context.Canceled) {
		return fmt.Errorf("not cancelled: %v", err)
	}
	late, stop := context.WithTimeout(ctx, time.Microsecond)
	defer stop()
	if _, err := tagged.Stat(late, "a.txt"); !errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("not too late: %v", err)
	}
	return nil
}

// publish writes three files, lists them, and reads them back. Other users do not see them before the commit.
func publish(ctx context.Context, tx *lakeport.Transaction) error {
	for _, path := range []string{"a.txt", "b.txt"} {
		if _, err := tx.WriteAll(ctx, path, []byte("this is "+path), nil); err != nil {
			return err
		}
	}
	if _, err := tx.Upload(ctx, "large.bin", io.LimitReader(rand.Reader, 50<<20), nil); err != nil {
		return err
	}
	for file, err := range tx.List(ctx, nil) {
		if err != nil {
			return err
		}
		fmt.Println(file.Path, file.SizeBytes)
	}
	whole, err := tx.ReadAll(ctx, "a.txt", nil)
	if err != nil {
		return err
	}
	end, err := tx.ReadAll(ctx, "large.bin", &lakeport.ReadOptions{Offset: -16})
	fmt.Printf("%s, %x\n", whole, end)
	return err
}
