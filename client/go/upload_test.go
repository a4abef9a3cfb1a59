package lakeport_test

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	lakeport "github.com/lakeport/lakeport/client/go"
	"google.golang.org/grpc/codes"
)

// source creates a file.
func source(t testing.TB, data []byte) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "source")
	check(t, os.WriteFile(name, data, 0o600))
	return name
}

func TestFileIsUploadedInParts(t *testing.T) {
	l := newLake(t)
	for _, size := range []int{0, 1, 1 << 20, 3<<20 + 1} {
		data := noise(size)
		var last lakeport.UploadProgress
		info, err := l.main.UploadFile(t.Context(), source(t, data), "a.csv", &lakeport.UploadOptions{
			PartBytes: 1 << 20,
			Metadata:  map[string]string{"k": "v"},
			Progress:  func(progress lakeport.UploadProgress) { last = progress },
		})
		check(t, err)
		equal(t, info.SizeBytes, int64(size))
		equal(t, info.ContentType, "text/csv")
		equal(t, last.SentBytes, int64(size))
		equal(t, last.ComposedBytes, int64(size))
		found, err := l.main.ReadAll(t.Context(), "a.csv", nil)
		check(t, err)
		equal(t, bytes.Equal(found, data), true)
	}
	equal(t, paths(t, l.main, nil), "a.csv")
}

func TestInterruptedUploadContinues(t *testing.T) {
	l := newLake(t)
	data := noise(4 << 20)
	file := source(t, data)
	ctx, cancel := context.WithCancel(t.Context())
	options := lakeport.UploadOptions{PartBytes: 1 << 20, Parallelism: 1, Progress: func(progress lakeport.UploadProgress) {
		if progress.SentBytes >= 2<<20 {
			cancel()
		}
	}}
	upload, err := l.main.NewUpload(ctx, file, "a", &options)
	check(t, err)
	_, err = upload.Run(ctx)
	equal(t, errors.Is(err, context.Canceled), true)
	equal(t, lakeport.CanResume(err), true)
	equal(t, paths(t, l.main, nil), "")

	_, err = l.main.NewUpload(t.Context(), file, "b", &lakeport.UploadOptions{ResumeID: upload.ID()})
	failed(t, err, codes.InvalidArgument, "")
	stored, err := collect(l.TransactionFiles(upload.ID()).List(t.Context(), nil))
	check(t, err)
	equal(t, len(stored) >= 2, true)
	sent := int64(0)
	upload, err = l.main.NewUpload(t.Context(), file, "a", &lakeport.UploadOptions{
		ResumeID: upload.ID(),
		Progress: func(progress lakeport.UploadProgress) { sent = progress.SentBytes },
	})
	check(t, err)
	check(t, second(upload.Run(t.Context())))
	equal(t, sent, 4<<20)
	found, err := l.main.ReadAll(t.Context(), "a", nil)
	check(t, err)
	equal(t, bytes.Equal(found, data), true)
	_, err = l.main.NewUpload(t.Context(), file, "a", &lakeport.UploadOptions{ResumeID: upload.ID()})
	failed(t, err, codes.FailedPrecondition, "")
	_, err = l.main.NewUpload(t.Context(), file, "a", &lakeport.UploadOptions{ResumeID: "unknown"})
	failed(t, err, codes.NotFound, "")
}

func TestUploadIntoATransaction(t *testing.T) {
	l := newLake(t)
	tx := l.begin(t, nil)
	check(t, second(tx.UploadFile(t.Context(), source(t, []byte("one")), "a", nil)))
	equal(t, paths(t, l.main, nil), "")
	equal(t, read(t, tx.Files, "a"), "one")
	check(t, second(tx.Rollback(t.Context())))
	_, err := tx.NewUpload(t.Context(), source(t, []byte("one")), "a", nil)
	failed(t, err, codes.FailedPrecondition, lakeport.ReasonTransactionRolledBack)
}

func TestUploadOfAChangedFileFails(t *testing.T) {
	l := newLake(t)
	file := source(t, []byte("one"))
	upload, err := l.main.NewUpload(t.Context(), file, "a", nil)
	check(t, err)
	check(t, os.Chtimes(file, time.Time{}, time.Unix(1, 0)))
	_, err = l.main.NewUpload(t.Context(), file, "a", &lakeport.UploadOptions{ResumeID: upload.ID()})
	failed(t, err, codes.Aborted, "")
	_, err = upload.Run(t.Context())
	failed(t, err, codes.Aborted, "")
	equal(t, lakeport.CanResume(err), false)
	equal(t, paths(t, l.main, nil), "")
}

func TestUploadRejectsBadInput(t *testing.T) {
	l := newLake(t)
	_, err := l.main.NewUpload(t.Context(), filepath.Join(t.TempDir(), "missing"), "a", nil)
	equal(t, errors.Is(err, fs.ErrNotExist), true)
	_, err = l.main.NewUpload(t.Context(), t.TempDir(), "a", nil)
	failed(t, err, codes.InvalidArgument, "")
	_, err = l.main.NewUpload(t.Context(), "a", "a", &lakeport.UploadOptions{PartBytes: -1})
	failed(t, err, codes.InvalidArgument, "")
	write(t, l.main, "a", "one")
	_, err = l.main.NewUpload(t.Context(), source(t, nil), "a", &lakeport.UploadOptions{CreateOnly: true})
	failed(t, err, codes.AlreadyExists, lakeport.ReasonObjectExists)
}
