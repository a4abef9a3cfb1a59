package main

import (
	"context"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	lakeport "github.com/lakeport/lakeport/client/go"
)

// piece is the data of small objects.
var piece = make([]byte, 1<<20)

// job is work to measure.
type job struct {
	// Operation is stat, read or write.
	Operation string `json:"operation"`
	// Path is the prefix of the paths: call n, counted from 0, uses the object PATH-n.
	Path  string `json:"path"`
	Calls int64  `json:"calls"`
	// Size of each object, in bytes.
	Size int64 `json:"size"`
	// Callers is the number of calls in flight at the same time.
	Callers int `json:"callers"`
}

// outcome is the result of a job.
type outcome struct {
	Seconds float64 `json:"seconds"`
	// Bytes is the sum of the sizes of the objects.
	Bytes int64 `json:"bytes"`
}

// run sends the calls of the job. Each caller takes the next one.
func (j job) run(ctx context.Context, files *lakeport.Files) (outcome, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	began := time.Now()
	var started, bytes atomic.Int64
	var callers sync.WaitGroup
	for range j.Callers {
		callers.Go(func() {
			for n := started.Add(1) - 1; n < j.Calls; n = started.Add(1) - 1 {
				size, err := j.call(ctx, files, fmt.Sprintf("%s-%d", j.Path, n))
				if err != nil {
					cancel(err)
					return
				}
				bytes.Add(size)
			}
		})
	}
	callers.Wait()
	return outcome{Seconds: time.Since(began).Seconds(), Bytes: bytes.Load()}, context.Cause(ctx)
}

// call returns the size of the object.
func (j job) call(ctx context.Context, files *lakeport.Files, path string) (int64, error) {
	switch j.Operation {
	case "stat":
		return sizeOf(files.Stat(ctx, path))
	case "read":
		return read(ctx, files, path)
	case "write":
		return sizeOf(j.write(ctx, files, path))
	}
	return 0, fmt.Errorf("unknown operation %q", j.Operation)
}

// write stores an object. As in a program, only the bytes of a small one are in memory.
func (j job) write(ctx context.Context, files *lakeport.Files, path string) (*lakeport.FileInfo, error) {
	if j.Size <= int64(len(piece)) {
		return files.WriteAll(ctx, path, piece[:j.Size], nil)
	}
	return files.Upload(ctx, path, io.LimitReader(zeros{}, j.Size), &lakeport.WriteOptions{Size: &j.Size})
}

// read reads an object, discards its bytes and returns their number.
func read(ctx context.Context, files *lakeport.Files, path string) (int64, error) {
	reader, err := files.NewReader(ctx, path, nil)
	if err != nil {
		return 0, err
	}
	defer reader.Close()
	return io.Copy(io.Discard, reader)
}

func sizeOf(info *lakeport.FileInfo, err error) (int64, error) {
	if err != nil {
		return 0, err
	}
	return info.SizeBytes, nil
}

// zeros is a reader of zeros, without an end.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}
