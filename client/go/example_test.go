package lakeport_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log"
	"os"

	lakeport "github.com/lakeport/lakeport/client/go"
)

func ExampleClient_WithTransaction() {
	ctx := context.Background()
	client, err := lakeport.NewClient("grpc://127.0.0.1:50051")
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	info, err := client.WithTransaction(ctx, "quickstart", "main", func(ctx context.Context, tx *lakeport.Transaction) error {
		if _, err := tx.WriteAll(ctx, "pages/one.txt", []byte("1"), nil); err != nil {
			return err
		}
		_, err := tx.WriteAll(ctx, "pages/two.txt", []byte("2"), nil)
		return err
	}, &lakeport.CommitOptions{Message: "Add pages", Tags: []string{"pages-v1"}})
	var failure *lakeport.Error
	switch {
	case errors.Is(err, lakeport.ReasonMergeConflict) && errors.As(err, &failure):
		log.Fatal("another program changed these paths: ", failure.Paths)
	case err != nil:
		log.Fatal(err)
	}
	fmt.Println(info.CommitId)
}

func ExampleFiles_NewWriter() {
	ctx := context.Background()
	client, err := lakeport.NewClient("")
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	err = func() error {
		w := client.Files("quickstart", "main").NewWriter(ctx, "report.csv", &lakeport.WriteOptions{CreateOnly: true})
		defer w.Abort() // no effect after Close
		if _, err := io.Copy(w, os.Stdin); err != nil {
			return err
		}
		return w.Close()
	}()
	if errors.Is(err, fs.ErrExist) {
		log.Fatal("the report exists")
	}
}

func ExampleFiles_FS() {
	ctx := context.Background()
	client, err := lakeport.NewClient("")
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	system := client.Files("quickstart", "main").FS(ctx)
	err = fs.WalkDir(system, ".", func(path string, _ fs.DirEntry, err error) error {
		fmt.Println(path)
		return err
	})
	if err != nil {
		log.Fatal(err)
	}
}

func ExampleFiles_List() {
	ctx := context.Background()
	client, err := lakeport.NewClient("")
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	for entry, err := range client.Files("quickstart", "main").List(ctx, &lakeport.ListOptions{Prefix: "data/"}) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(entry.Path, entry.SizeBytes)
	}
}
