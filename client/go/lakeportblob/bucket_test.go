package lakeportblob

import (
	"context"
	"errors"
	"net/http"
	"os"
	"strings"
	"testing"

	lakeport "github.com/lakeport/lakeport/client/go"
	"github.com/lakeport/lakeport/client/go/internal/testserver"
	"gocloud.dev/blob"
	"gocloud.dev/blob/driver"
	"gocloud.dev/blob/drivertest"
)

// harness is a repository for one test of the conformance suite.
type harness struct {
	client     *lakeport.Client
	repository string
}

func newHarness(_ context.Context, t *testing.T) (drivertest.Harness, error) {
	client := testserver.Client(t)
	return &harness{client: client, repository: testserver.NewRepository(t, client)}, nil
}

func (h *harness) MakeDriver(context.Context) (driver.Bucket, error) {
	return openBucket(h.client.Files(h.repository, "main")), nil
}

func (h *harness) MakeDriverForNonexistentBucket(context.Context) (driver.Bucket, error) {
	return openBucket(h.client.Files(h.repository, "nowhere")), nil
}

// HTTPClient returns nil: the driver has no signed URLs.
func (h *harness) HTTPClient() *http.Client         { return nil }
func (h *harness) SupportsCopy() bool               { return true }
func (h *harness) SupportsNonSlashDelimiters() bool { return true }
func (h *harness) SkipDownloadAt() bool             { return false }
func (h *harness) Close()                           {} // testserver closes the client

func TestConformance(t *testing.T) {
	drivertest.RunConformanceTests(t, newHarness, []drivertest.AsTest{asTest{}})
}

// asTest checks each type that As supports.
type asTest struct{}

var errWrongType = errors.New("As does not support the documented type")

// as returns an error unless a call of As assigns a value of type T.
func as[T any](call func(any) bool) error {
	var value *T
	if !call(&value) || value == nil {
		return errWrongType
	}
	return nil
}

func (asTest) Name() string { return "lakeport types" }

func (asTest) BucketCheck(b *blob.Bucket) error { return as[lakeport.Files](b.As) }

func (asTest) ErrorCheck(b *blob.Bucket, err error) error {
	return as[lakeport.Error](func(target any) bool { return b.ErrorAs(err, target) })
}

func (asTest) BeforeRead(call func(any) bool) error   { return as[lakeport.ReadOptions](call) }
func (asTest) BeforeWrite(call func(any) bool) error  { return as[lakeport.WriteOptions](call) }
func (asTest) BeforeCopy(call func(any) bool) error   { return as[lakeport.CopyOptions](call) }
func (asTest) BeforeDelete(call func(any) bool) error { return as[lakeport.DeleteOptions](call) }
func (asTest) BeforeList(call func(any) bool) error   { return as[lakeport.ListOptions](call) }
func (asTest) BeforeSign(func(any) bool) error        { return nil }

func (asTest) AttributesCheck(a *blob.Attributes) error { return as[lakeport.FileInfo](a.As) }
func (asTest) ReaderCheck(r *blob.Reader) error         { return as[lakeport.Reader](r.As) }
func (asTest) ListObjectCheck(o *blob.ListObject) error { return as[lakeport.FileInfo](o.As) }

func TestTextsAreEscaped(t *testing.T) {
	texts := []string{
		"", "key_a", "__x", "__x41", "___x41", "__x4", "a b", "a__", "ä☃", "gocloud.x", "__xgocloud.", "A", "_ _", "__ ", "__\x00",
		"\x00", " a ", " ", "\r\n", "__x00", "__x5f", "__x5f__x00", "_", "__", "__x5", "__x5\x00", "a__x5f_x00",
	}
	for _, text := range texts {
		for _, found := range []string{unescape(escapeKey(text)), unescape(escapeValue(text)), unescapePath(escapePath(text))} {
			if found != text {
				t.Errorf("%q became %q", text, found)
			}
		}
		escaped := escapeKey(text)
		for index := range len(escaped) {
			if !isAllowed(escaped[index]) {
				t.Errorf("%q became %q", text, escaped)
			}
		}
	}
	for _, text := range []string{"key_a", "a/b", "__x41"} {
		if escaped := escapePath(text); escaped != text {
			t.Errorf("%q became %q", text, escaped)
		}
	}
}

func TestPagesOfAnySizeContinueAListing(t *testing.T) {
	client := testserver.Client(t)
	bucket := openBucket(client.Files(testserver.NewRepository(t, client), "main"))
	for _, key := range []string{"a", "b", "c", "d", "e", "f", "g"} {
		if _, err := bucket.files.WriteAll(t.Context(), key, nil, nil); err != nil {
			t.Fatal(err)
		}
	}
	var found strings.Builder
	options := &driver.ListOptions{}
	for _, options.PageSize = range []int{3, 1, 1, 1000, 2, 1000} {
		page, err := bucket.ListPaged(t.Context(), options)
		if err != nil {
			t.Fatal(err)
		}
		for _, object := range page.Objects {
			found.WriteString(object.Key)
		}
		found.WriteString(" ")
		if options.PageToken = page.NextPageToken; len(options.PageToken) == 0 {
			break
		}
	}
	if text := found.String(); text != "abc d e f g " {
		t.Errorf("pages %q", text)
	}
	if _, err := bucket.ListPaged(t.Context(), &driver.ListOptions{PageToken: []byte("x")}); err == nil {
		t.Error("a bad token was accepted")
	}
}

func TestURLs(t *testing.T) {
	client := testserver.Client(t)
	repository := testserver.NewRepository(t, client)
	t.Setenv("LAKECTL_CONFIG_FILE", os.DevNull)
	t.Setenv("LAKEPORT_ENDPOINT", testserver.Endpoint(t))
	tx, err := client.Begin(t.Context(), repository, "main", nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, url := range []string{
		"lakeport://" + repository + "/main",
		"lakeport://" + repository + "/main?prefix=dir/",
		"lakeport://" + repository + "/tx:" + tx.ID(),
		"lakeport://" + repository + "/main?endpoint=grpc://" + testserver.Address(t),
	} {
		bucket, err := blob.OpenBucket(t.Context(), url)
		if err != nil {
			t.Fatal(err)
		}
		if err := bucket.WriteAll(t.Context(), "a", []byte(url), nil); err != nil {
			t.Fatal(err)
		}
		if found, err := bucket.ReadAll(t.Context(), "a"); err != nil || string(found) != url {
			t.Fatalf("%s: %q, %v", url, found, err)
		}
		if err := bucket.Close(); err != nil {
			t.Fatal(err)
		}
	}
	for _, url := range []string{"lakeport://r", "lakeport:///main", "lakeport://r/main/x", "lakeport://r/main?x=y", "lakeport://r/main?endpoint=x"} {
		if bucket, err := blob.OpenBucket(t.Context(), url); err == nil {
			_ = bucket.Close()
			t.Errorf("%s was opened", url)
		}
	}
}
