package lakeport

import (
	"errors"
	"hash/crc32"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lakeport/lakeport/client/go/lakeportv1"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
)

func TestReasonsAreThoseOfTheContract(t *testing.T) {
	source, err := os.ReadFile("reasons.go")
	if err != nil {
		t.Fatal(err)
	}
	for number, name := range lakeportv1.ErrorReason_name {
		reason := strings.TrimPrefix(name, "ERROR_REASON_")
		if number != 0 && !strings.Contains(string(source), ` Reason = "`+reason+`"`) {
			t.Errorf("no constant for %s", reason)
		}
	}
	if count := strings.Count(string(source), " Reason = "); count != len(lakeportv1.ErrorReason_name)-1 {
		t.Errorf("%d constants", count)
	}
}

func TestErrorTextNamesPathsAndReason(t *testing.T) {
	e := &Error{Message: "no", Reason: ReasonMergeConflict, Paths: []string{"a", "b", "c", "d"}}
	if text := e.Error(); text != `no: ["a" "b" "c"] and 1 more (MERGE_CONFLICT)` {
		t.Error(text)
	}
	e = &Error{Message: "2 failed", Failures: []PathFailure{{"a", &Error{Message: "no", Reason: "X"}}, {"b", &Error{Message: "no"}}}}
	if text := e.Error(); text != `2 failed; "a": no (X); "b": no` {
		t.Error(text)
	}
	if status.Code(newError(codes.NotFound, "no")) != codes.NotFound {
		t.Error("package status does not find the code")
	}
	if fs.ErrNotExist == ErrNotFound || newError(codes.Internal, "no").Is(nil) {
		t.Error("errors match")
	}
}

func TestBatchesKeepAllLimits(t *testing.T) {
	weight := func(weights ...int) func(int) int { return func(index int) int { return weights[index] } }
	for _, split := range []struct {
		found  []batch
		wanted []batch
	}{
		{splitItems(0, 10), nil},
		{splitItems(3, 10, weight(5, 5, 1)), []batch{{0, 2}, {2, 3}}},
		{splitItems(3, 10, weight(99, 1, 99)), []batch{{0, 1}, {1, 2}, {2, 3}}},
		{splitItems(3, 10, weight(1, 1, 1), weight(1, 9, 1)), []batch{{0, 2}, {2, 3}}},
		{splitItems(20_001, 10), []batch{{0, 10_000}, {10_000, 20_000}, {20_000, 20_001}}},
	} {
		if !slices.Equal(split.found, split.wanted) {
			t.Errorf("%v instead of %v", split.found, split.wanted)
		}
	}
	paths := slices.Repeat([]string{strings.Repeat("x", 1024)}, 9000)
	for _, batch := range splitPaths(paths) {
		request := &lakeportv1.BatchStatRequest{Paths: paths[batch.from:batch.to]}
		if size := proto.Size(request); size > maxMessageBytes {
			t.Errorf("a request has %d bytes", size)
		}
	}
}

func TestChecksumsAreCombined(t *testing.T) {
	data := make([]byte, 1000)
	for index := range data {
		data[index] = byte(index % 251)
	}
	whole := crc32.Checksum(data, castagnoli)
	for _, at := range []int{0, 1, 7, 500, 999, 1000} {
		first, second := crc32.Checksum(data[:at], castagnoli), crc32.Checksum(data[at:], castagnoli)
		if sum := combineCRC32C(first, second, int64(len(data)-at)); sum != whole {
			t.Errorf("%d: %x instead of %x", at, sum, whole)
		}
	}
}

func TestPartsCoverAFile(t *testing.T) {
	const part, limit = 64 << 20, 64 << 20 * maxParts
	for _, file := range []struct{ size, count, partBytes int64 }{
		{0, 1, part},
		{1, 1, part},
		{part, 1, part},
		{part + 1, 2, part},
		{limit, maxParts, part},
		{limit + 1, 9_847, 65 << 20},
		{5 << 40, 9_987, 525 << 20},
		{math.MaxInt64, 10_000, 879_609_303 << 20},
	} {
		plan := newUploadPlan(file.size, part)
		if plan.count() != file.count || plan.partBytes != file.partBytes {
			t.Errorf("%d: %d parts of %d bytes", file.size, plan.count(), plan.partBytes)
		}
		if newUploadPlan(file.size, plan.partBytes) != plan {
			t.Errorf("%d: the plan of its own part size differs", file.size)
		}
		last := plan.part(plan.count() - 1)
		if last.offset+last.length != file.size {
			t.Errorf("%d: the parts end at %d", file.size, last.offset+last.length)
		}
	}
	if newUploadPlan(0, 0).partBytes != 1 {
		t.Error("the part size is 0")
	}
}

// Other clients of lakeport compute the same values.
func TestUploadsHaveTheNamesOfAllClients(t *testing.T) {
	if hash := hashTexts("a", "bc"); hash != "3fafa1cf2f19a7c1129beb20cf0983f7" {
		t.Error(hash)
	}
	to := uploadDestination{files: &Files{place: place{repository: "r", ref: "main"}}, path: "ü"}
	parts := &partsTransaction{id: "id", prefix: "p/"}
	if id := parts.requestID(to); id != "1a6597cc4ad0189881200c280d80c359" {
		t.Error(id)
	}
	if path := parts.path(filePart{index: 7}, 12); path != "p/00007.012" {
		t.Error(path)
	}
	stored := map[string]int64{"p/00000.000": 4, "p/00000.002": 4, "p/00000.003": 3}
	if path, found := parts.find(filePart{length: 4}, stored); !found || path != "p/00000.002" {
		t.Error(path, found)
	}
	if _, found := parts.find(filePart{index: 1, length: 4}, stored); found {
		t.Error("found a part that is not stored")
	}
	if label := truncated(strings.Repeat("ü", 200)+"x", 255); len(label) != 254 {
		t.Error(len(label))
	}
	name := filepath.Join(t.TempDir(), "a")
	if err := os.WriteFile(name, []byte("one"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(name, time.Time{}, time.Unix(1, 5)); err != nil {
		t.Fatal(err)
	}
	file, err := openSource(name)
	if err != nil || file.version() != "3-1000000005" {
		t.Error(file.version(), err)
	}
}

func TestPausesGrowAndRespectTheServer(t *testing.T) {
	tries := retries{policy: idempotent}
	away := &Error{Code: codes.Unavailable}
	for _, wanted := range []time.Duration{200, 400, 800} {
		pause, again := tries.pause(away)
		if wanted *= time.Millisecond; !again || pause < wanted*8/10 || pause > wanted*12/10 {
			t.Errorf("%v instead of %v", pause, wanted)
		}
	}
	if _, again := tries.pause(away); again {
		t.Error("a fifth attempt")
	}
	busy := &Error{Code: codes.ResourceExhausted, Reason: ReasonOverloaded, RetryDelay: 7 * time.Second}
	tries = retries{policy: once}
	for range 99 {
		if pause, again := tries.pause(busy); !again || pause != 7*time.Second {
			t.Error(pause, again)
		}
	}
	if _, again := tries.pause(away); again {
		t.Error("a call that is not idempotent was retried")
	}
}

func TestSlowWriterDoesNotHoldBytesBack(t *testing.T) {
	client, err := NewClient("grpc://127.0.0.1:1", WithCredentials(Anonymous()))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	w := client.Files("r", "main").NewWriter(t.Context(), "a", nil)
	for _, text := range []string{"a", "b"} {
		if _, err := w.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	w.lastSent = time.Now().Add(-holdTime)
	// No server listens, so the attempt to send fails.
	if _, err := w.Write([]byte("c")); !errors.Is(err, ErrUnavailable) {
		t.Errorf("error %v", err)
	}
}
