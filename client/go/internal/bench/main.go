// The program bench runs jobs for the benchmark of the clients, and measures them.
//
// Usage: bench REPOSITORY. LAKEPORT_ENDPOINT has the URL of the server. It reads one job a line from standard input, and prints one
// outcome a line, both as JSON. The benchmark is bench in the root of the project.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"

	lakeport "github.com/lakeport/lakeport/client/go"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: bench REPOSITORY")
		os.Exit(2)
	}
	if err := serve(os.Args[1], os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// serve runs the jobs with one client, until they end.
func serve(repository string, jobs io.Reader, outcomes io.Writer) error {
	client, err := lakeport.NewClient("", lakeport.WithCredentials(lakeport.Anonymous()))
	if err != nil {
		return err
	}
	defer client.Close()
	files := client.Files(repository, "main")
	decoder, encoder := json.NewDecoder(jobs), json.NewEncoder(outcomes)
	for {
		var job job
		if err := decoder.Decode(&job); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
		outcome, err := job.run(context.Background(), files)
		if err != nil {
			return err
		}
		if err := encoder.Encode(outcome); err != nil {
			return err
		}
	}
}
