package lakeport_test

import (
	"bytes"
	"context"
	"crypto/md5"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/iotest"

	lakeport "github.com/lakeport/lakeport/client/go"
	"github.com/lakeport/lakeport/client/go/internal/testserver"
	"google.golang.org/grpc/codes"
)

// noise returns bytes that do not repeat.
func noise(count int) []byte {
	source := rand.NewChaCha8([32]byte{1})
	data := make([]byte, count)
	_, _ = source.Read(data)
	return data
}

func TestWrittenObjectHasItsProperties(t *testing.T) {
	l := newLake(t)
	info, err := l.main.WriteAll(t.Context(), "a.csv", []byte("x,y"), &lakeport.WriteOptions{Metadata: map[string]string{"by": "test"}})
	check(t, err)
	equal(t, info.ContentType, "text/csv")
	info, err = l.main.Stat(t.Context(), "a.csv")
	check(t, err)
	equal(t, info.SizeBytes, 3)
	equal(t, info.Metadata["by"], "test")
	info, err = l.main.SetMetadata(t.Context(), "a.csv", map[string]string{"by": "other"})
	check(t, err)
	equal(t, info.Metadata["by"], "other")
}

func TestMissingObject(t *testing.T) {
	l := newLake(t)
	_, err := l.main.Stat(t.Context(), "missing")
	failure := failed(t, err, codes.NotFound, lakeport.ReasonObjectNotFound)
	equal(t, failure.Paths[0], "missing")
	if !errors.Is(err, fs.ErrNotExist) || !errors.Is(err, lakeport.ErrNotFound) || !errors.Is(err, lakeport.ReasonObjectNotFound) {
		t.Fatalf("%v does not match", err)
	}
	_, err = l.main.NewReader(t.Context(), "missing", nil)
	failed(t, err, codes.NotFound, lakeport.ReasonObjectNotFound)
	exists, err := l.main.Exists(t.Context(), "missing")
	check(t, err)
	equal(t, exists, false)
	_, err = l.Files(l.repository.Name(), "nowhere").Exists(t.Context(), "missing")
	failed(t, err, codes.NotFound, lakeport.ReasonRefNotFound)
}

func TestObjectsOfAnySizeSurviveARoundTrip(t *testing.T) {
	l := newLake(t)
	for _, size := range []int{0, 1, 1<<20 - 1, 1 << 20, 1<<20 + 1, 5<<20 + 7} {
		data := noise(size)
		w := l.main.NewWriter(t.Context(), "object", &lakeport.WriteOptions{Size: new(int64(size))})
		_, err := io.Copy(w, iotest.HalfReader(bytes.NewReader(data)))
		check(t, err)
		check(t, w.Close())
		equal(t, w.Info().SizeBytes, int64(size))
		check(t, second(l.main.WriteAll(t.Context(), "other", data, nil)))
		for _, path := range []string{"object", "other"} {
			found, err := l.main.ReadAll(t.Context(), path, nil)
			check(t, err)
			equal(t, bytes.Equal(found, data), true)
		}
	}
}

func TestReaderReadsParts(t *testing.T) {
	l := newLake(t)
	write(t, l.main, "a", "0123456789")
	for _, part := range []struct {
		options lakeport.ReadOptions
		wanted  string
	}{
		{lakeport.ReadOptions{Offset: 3}, "3456789"},
		{lakeport.ReadOptions{Offset: 3, Length: 2}, "34"},
		{lakeport.ReadOptions{Offset: -4, Length: 2}, "67"},
		{lakeport.ReadOptions{Offset: -4}, "6789"},
		{lakeport.ReadOptions{Offset: 8, Length: 100}, "89"},
		{lakeport.ReadOptions{Offset: 10}, ""},
	} {
		found, err := l.main.ReadAll(t.Context(), "a", &part.options)
		check(t, err)
		equal(t, string(found), part.wanted)
	}
	_, err := l.main.ReadAll(t.Context(), "a", &lakeport.ReadOptions{Offset: 11})
	failed(t, err, codes.OutOfRange, lakeport.ReasonRangeOutOfBounds)
	_, err = l.main.ReadAll(t.Context(), "a", &lakeport.ReadOptions{Length: -1})
	failed(t, err, codes.InvalidArgument, "")
}

func TestReaderHasInfoAndFollowsTheContractOfReaders(t *testing.T) {
	l := newLake(t)
	data := noise(3<<20 + 5)
	check(t, second(l.main.WriteAll(t.Context(), "a", data, nil)))
	r, err := l.main.NewReader(t.Context(), "a", nil)
	check(t, err)
	equal(t, r.Info().SizeBytes, int64(len(data)))
	equal(t, r.Remaining(), int64(len(data)))
	check(t, iotest.TestReader(r, data))
	check(t, r.Close())
	check(t, r.Close())
	_, err = r.Read(make([]byte, 1))
	equal(t, errors.Is(err, fs.ErrClosed), true)
}

func TestReadPreconditions(t *testing.T) {
	l := newLake(t)
	write(t, l.main, "a", "one")
	info, err := l.main.Stat(t.Context(), "a")
	check(t, err)
	check(t, second(l.main.ReadAll(t.Context(), "a", &lakeport.ReadOptions{IfMatch: info.Etag})))
	_, err = l.main.ReadAll(t.Context(), "a", &lakeport.ReadOptions{IfNoneMatch: info.Etag})
	failed(t, err, codes.FailedPrecondition, lakeport.ReasonNotModified)
	_, err = l.main.ReadAll(t.Context(), "a", &lakeport.ReadOptions{IfMatch: "other"})
	failed(t, err, codes.FailedPrecondition, lakeport.ReasonETagMismatch)
}

func TestReaderAtReadsOneVersion(t *testing.T) {
	l := newLake(t)
	write(t, l.main, "a", "0123456789")
	at, err := l.main.NewReaderAt(t.Context(), "a")
	check(t, err)
	p := make([]byte, 4)
	count, err := at.ReadAt(p, 3)
	check(t, err)
	equal(t, string(p[:count]), "3456")
	count, err = at.ReadAt(p, 8)
	equal(t, err, io.EOF)
	equal(t, string(p[:count]), "89")
	check(t, iotest.TestReader(io.NewSectionReader(at, 0, at.Size()), []byte("0123456789")))
	write(t, l.main, "a", "changed")
	_, err = at.ReadAt(p, 0)
	failed(t, err, codes.FailedPrecondition, lakeport.ReasonETagMismatch)
}

func TestManyRangesHaveResultsInOrder(t *testing.T) {
	l := newLake(t)
	data := noise(5 << 20)
	check(t, second(l.main.WriteAll(t.Context(), "a", data, nil)))
	ranges := []lakeport.Range{{Offset: 3, Length: 5}, {Offset: 1 << 20, Length: 3 << 20}, {Offset: 9 << 20}, {Offset: -7}, {Offset: 8, Length: 1}}
	results, err := l.main.ReadRanges(t.Context(), "a", ranges, nil)
	check(t, err)
	for index, wanted := range [][]byte{data[3:8], data[1<<20 : 4<<20], nil, data[len(data)-7:], data[8:9]} {
		equal(t, bytes.Equal(results[index].Data, wanted), true)
	}
	failed(t, results[2].Err, codes.OutOfRange, lakeport.ReasonRangeOutOfBounds)
	results, err = l.main.ReadRanges(t.Context(), "a", nil, nil)
	check(t, err)
	equal(t, len(results), 0)
}

func TestWriterPublishesOnlyOnClose(t *testing.T) {
	l := newLake(t)
	unwritten := func(end func(w *lakeport.Writer, cancel func())) {
		t.Helper()
		for _, size := range []int{3, 3 << 20} {
			ctx, cancel := context.WithCancel(t.Context())
			w := l.main.NewWriter(ctx, "a", nil)
			check(t, second(w.Write(noise(size))))
			end(w, cancel)
			cancel()
			exists, err := l.main.Exists(t.Context(), "a")
			check(t, err)
			equal(t, exists, false)
			equal(t, w.Info() == nil, true)
		}
	}
	unwritten(func(*lakeport.Writer, func()) {})
	unwritten(func(w *lakeport.Writer, _ func()) {
		w.Abort()
		w.Abort()
		failed(t, w.Close(), codes.Canceled, "")
	})
	unwritten(func(w *lakeport.Writer, cancel func()) {
		cancel()
		equal(t, errors.Is(w.Close(), context.Canceled), true)
		equal(t, errors.Is(second(w.Write([]byte("x"))), context.Canceled), true)
	})
	unwritten(func(w *lakeport.Writer, _ func()) {
		_, err := w.ReadFrom(iotest.ErrReader(io.ErrNoProgress))
		equal(t, errors.Is(err, io.ErrNoProgress), true)
		equal(t, errors.Is(w.Close(), io.ErrNoProgress), true)
	})
	w := l.main.NewWriter(t.Context(), "a", nil)
	check(t, w.Close())
	w.Abort()
	check(t, w.Close())
	equal(t, second(w.Write([]byte("x"))), fs.ErrClosed)
	equal(t, read(t, l.main, "a"), "")
}

func TestUploadOfAFailingReaderStoresNothing(t *testing.T) {
	l := newLake(t)
	// A source whose error wraps io.EOF has failed, and not ended.
	for _, cause := range []error{errors.New("the disk is gone"), fmt.Errorf("row 5: %w", io.EOF), io.ErrUnexpectedEOF} {
		broken := io.MultiReader(bytes.NewReader(noise(2<<20)), iotest.ErrReader(cause))
		_, err := l.main.Upload(t.Context(), "a", broken, nil)
		failed(t, err, codes.Unknown, "")
		exists, err := l.main.Exists(t.Context(), "a")
		check(t, err)
		equal(t, exists, false)
	}
	info, err := l.main.Upload(t.Context(), "a", strings.NewReader("whole"), nil)
	check(t, err)
	equal(t, info.SizeBytes, 5)
}

func TestWritePreconditionsAndChecks(t *testing.T) {
	l := newLake(t)
	once := &lakeport.WriteOptions{CreateOnly: true}
	check(t, second(l.main.WriteAll(t.Context(), "a", []byte("one"), once)))
	_, err := l.main.WriteAll(t.Context(), "a", []byte("two"), once)
	failed(t, err, codes.AlreadyExists, lakeport.ReasonObjectExists)
	equal(t, errors.Is(err, fs.ErrExist), true)
	keyed := &lakeport.WriteOptions{CreateOnly: true, WriteID: "key"}
	for range 2 {
		check(t, second(l.main.WriteAll(t.Context(), "b", []byte("one"), keyed)))
	}
	w := l.main.NewWriter(t.Context(), "c", &lakeport.WriteOptions{Size: new(int64(4))})
	check(t, second(w.Write([]byte("one"))))
	failed(t, w.Close(), codes.InvalidArgument, lakeport.ReasonWriteIncomplete)
	sum := md5.Sum([]byte("other"))
	_, err = l.main.WriteAll(t.Context(), "c", []byte("one"), &lakeport.WriteOptions{MD5: sum[:]})
	failed(t, err, codes.InvalidArgument, lakeport.ReasonChecksumMismatch)
	_, err = l.Files(l.repository.Name(), "main~0").WriteAll(t.Context(), "c", nil, nil)
	failed(t, err, codes.InvalidArgument, lakeport.ReasonRefNotABranch)
	failure := failed(t, second(l.main.WriteAll(t.Context(), "", nil, nil)), codes.InvalidArgument, lakeport.ReasonInvalidField)
	equal(t, failure.FieldViolations[0].Field, "path")
	_, err = l.main.Stat(t.Context(), "a\xff")
	failed(t, err, codes.InvalidArgument, "")
}

func TestRefusalOfALargeWriteHasItsReason(t *testing.T) {
	l := newLake(t)
	write(t, l.main, "a", "one")
	data := noise(8 << 20)
	_, err := l.main.WriteAll(t.Context(), "a", data, &lakeport.WriteOptions{CreateOnly: true})
	failed(t, err, codes.AlreadyExists, lakeport.ReasonObjectExists)
	_, err = l.main.Upload(t.Context(), "a", bytes.NewReader(data), &lakeport.WriteOptions{CreateOnly: true})
	failed(t, err, codes.AlreadyExists, lakeport.ReasonObjectExists)
}

func TestListing(t *testing.T) {
	l := newLake(t)
	for _, path := range []string{"a", "b/1", "b/2", "b/c/3", "d"} {
		write(t, l.main, path, path)
	}
	for _, listing := range []struct {
		options *lakeport.ListOptions
		wanted  string
	}{
		{nil, "a b/1 b/2 b/c/3 d"},
		{&lakeport.ListOptions{Delimiter: "/"}, "a b/ d"},
		{&lakeport.ListOptions{Prefix: "b/", Delimiter: "/"}, "b/1 b/2 b/c/"},
		{&lakeport.ListOptions{Glob: "b/*"}, "b/1 b/2"},
		{&lakeport.ListOptions{MaxDepth: 1}, "a d"},
		{&lakeport.ListOptions{Limit: 2}, "a b/1"},
		{&lakeport.ListOptions{Prefix: "none"}, ""},
	} {
		equal(t, paths(t, l.main, listing.options), listing.wanted)
	}
	_, err := collect(l.Files(l.repository.Name(), "nowhere").List(t.Context(), nil))
	failed(t, err, codes.NotFound, lakeport.ReasonRefNotFound)
	for range l.main.List(t.Context(), nil) {
		break
	}
}

func TestPagesOfAListing(t *testing.T) {
	l := newLake(t)
	for _, path := range []string{"a", "b", "c"} {
		write(t, l.main, path, path)
	}
	options := &lakeport.ListOptions{Limit: 2}
	page, err := l.main.ListPage(t.Context(), options)
	check(t, err)
	equal(t, len(page.Entries), 2)
	options.PageToken = page.NextPageToken
	page, err = l.main.ListPage(t.Context(), options)
	check(t, err)
	equal(t, len(page.Entries), 1)
	equal(t, page.NextPageToken, "")
	_, err = l.main.ListPage(t.Context(), &lakeport.ListOptions{Limit: 2, PageToken: "00"})
	failed(t, err, codes.InvalidArgument, lakeport.ReasonPageTokenInvalid)
	_, err = l.main.ListPage(t.Context(), nil)
	failed(t, err, codes.InvalidArgument, "")
}

func TestDeletion(t *testing.T) {
	l := newLake(t)
	for _, path := range []string{"a", "ab", "a/1", "a/2", "b"} {
		write(t, l.main, path, path)
	}
	count, err := l.main.Delete(t.Context(), "b", nil)
	check(t, err)
	equal(t, count, 1)
	_, err = l.main.Delete(t.Context(), "b", nil)
	failed(t, err, codes.NotFound, lakeport.ReasonObjectNotFound)
	check(t, second(l.main.Delete(t.Context(), "b", &lakeport.DeleteOptions{AllowMissing: true})))
	count, err = l.main.Delete(t.Context(), "a", &lakeport.DeleteOptions{Recursive: true})
	check(t, err)
	equal(t, count, 3)
	equal(t, paths(t, l.main, nil), "ab")

	count, err = l.main.DeletePaths(t.Context(), []string{"ab", "missing"}, nil)
	equal(t, count, 1)
	failure := failed(t, err, codes.FailedPrecondition, lakeport.ReasonPartialFailure)
	equal(t, len(failure.Failures), 1)
	equal(t, failure.Failures[0].Path, "missing")
	failed(t, failure.Failures[0].Err, codes.NotFound, lakeport.ReasonObjectNotFound)
	equal(t, strings.Contains(err.Error(), `"missing"`), true)
	count, err = l.main.DeletePaths(t.Context(), []string{"missing"}, &lakeport.DeleteOptions{AllowMissing: true})
	check(t, err)
	equal(t, count, 1)
}

func TestDeletionTakesEffectIfTheClientClosesAtOnce(t *testing.T) {
	l := newLake(t)
	for range 20 {
		write(t, l.main, "a", "a")
		other, err := lakeport.NewClient(testserver.Endpoint(t), lakeport.WithCredentials(lakeport.Anonymous()))
		check(t, err)
		check(t, second(other.Files(l.repository.Name(), "main").Delete(t.Context(), "a", nil)))
		check(t, other.Close())
		equal(t, paths(t, l.main, nil), "")
	}
}

func TestCopyAndMove(t *testing.T) {
	l := newLake(t)
	write(t, l.main, "a/1", "one")
	write(t, l.main, "a/2", "two")
	copied, err := l.main.Copy(t.Context(), "a", "b", &lakeport.CopyOptions{Recursive: true})
	check(t, err)
	equal(t, strings.Join(copied, " "), "b/1 b/2")
	moved, err := l.main.Move(t.Context(), "b/1", "c", nil)
	check(t, err)
	equal(t, strings.Join(moved, " "), "c")
	equal(t, paths(t, l.main, nil), "a/1 a/2 b/2 c")
	_, err = l.main.Copy(t.Context(), "a", "a/b", &lakeport.CopyOptions{Recursive: true})
	failed(t, err, codes.InvalidArgument, lakeport.ReasonInvalidField)
	_, err = l.main.Move(t.Context(), "missing", "x", nil)
	failed(t, err, codes.NotFound, lakeport.ReasonObjectNotFound)

	check(t, second(l.repository.CreateCommit(t.Context(), "main", "", nil)))
	other := newLake(t)
	options := &lakeport.CopyOptions{SourceRepository: l.repository.Name(), SourceRef: "main"}
	check(t, second(other.main.Copy(t.Context(), "a/1", "z", options)))
	equal(t, read(t, other.main, "z"), "one")
}

func TestComposition(t *testing.T) {
	l := newLake(t)
	write(t, l.main, "1", "Hello, ")
	write(t, l.main, "2", "world")
	options := &lakeport.ComposeOptions{RequestID: "key", DeleteSources: true, Size: new(int64(12))}
	for range 2 {
		info, err := l.main.Compose(t.Context(), "greeting.txt", []string{"1", "2"}, options)
		check(t, err)
		equal(t, info.SizeBytes, 12)
	}
	equal(t, read(t, l.main, "greeting.txt"), "Hello, world")
	equal(t, paths(t, l.main, nil), "greeting.txt")
	_, err := l.main.Compose(t.Context(), "x", []string{"missing"}, nil)
	failed(t, err, codes.NotFound, lakeport.ReasonObjectNotFound)
}

func TestPresignIsUnsupportedOnAnEmbeddedLake(t *testing.T) {
	l := newLake(t)
	write(t, l.main, "a", "a")
	_, err := l.main.Presign(t.Context(), "a")
	failed(t, err, codes.Unimplemented, lakeport.ReasonUnsupported)
	equal(t, errors.Is(err, errors.ErrUnsupported), true)
}

func TestCanceledContextFailsEveryKindOfCall(t *testing.T) {
	l := newLake(t)
	for _, err := range []error{
		second(l.main.Stat(canceled(t), "a")),
		second(l.main.NewReader(canceled(t), "a", nil)),
		second(l.main.WriteAll(canceled(t), "a", nil, nil)),
		second(collect(l.main.List(canceled(t), nil))),
		second(l.main.Delete(canceled(t), "a", nil)),
		second(l.main.BatchWrite(canceled(t), []lakeport.BatchItem{{Path: "a"}})),
		second(l.Begin(canceled(t), l.repository.Name(), "main", nil)),
	} {
		equal(t, errors.Is(err, context.Canceled), true)
		failed(t, err, codes.Canceled, "")
	}
}
