package languages

import (
	"bytes"
	"hash/crc32"
	"testing"

	lakeport "github.com/lakeport/lakeport/client/go/lakeportv1"
	"google.golang.org/grpc/codes"
)

func crc32c(data []byte) *uint32 {
	sum := crc32.Checksum(data, crc32.MakeTable(crc32.Castagnoli))
	return &sum
}

func TestPartsInATransactionBecomeOneObject(t *testing.T) {
	s := connect(t)
	id := s.begin(t)
	in := target{transaction: id}
	s.write(t, in, "parts/1", []byte("Hello, "))
	s.write(t, in, "parts/2", []byte("world"))
	request := &lakeport.ComposeRequest{
		TransactionId: id,
		Path:          "greeting.txt",
		SourcePaths:   []string{"parts/1", "parts/2"},
		ObjectCrc32C:  crc32c([]byte("Hello, world")),
		DeleteSources: true,
		RequestId:     "greeting",
	}
	// The second call finds the object of the first one, although the parts no longer exist.
	for range 2 {
		stream, err := s.files.Compose(t.Context(), request)
		messages := all(t, stream, err)
		last := messages[len(messages)-1]
		if last.Info.GetPath() != "greeting.txt" || last.Info.GetSizeBytes() != 12 {
			t.Fatalf("composed %v", last)
		}
	}
	_, err := s.files.Stat(t.Context(), &lakeport.StatRequest{TransactionId: id, Path: "parts/1"})
	checkError(t, err, codes.NotFound, lakeport.ErrorReason_ERROR_REASON_OBJECT_NOT_FOUND)
	s.commit(t, id)
	if data := s.read(t, "greeting.txt"); string(data) != "Hello, world" {
		t.Fatalf("read %q", data)
	}
}

func TestPartialFailureOfDeleteHasCounts(t *testing.T) {
	s := connect(t)
	s.write(t, target{branch: "main"}, "a", []byte("a"))
	stream, err := s.files.Delete(t.Context(), &lakeport.DeleteRequest{
		Repository: s.repository,
		Ref:        "main",
		Paths:      []string{"a", "missing"},
	})
	messages, err := receive(t, stream, err)
	info := checkError(t, err, codes.FailedPrecondition, lakeport.ErrorReason_ERROR_REASON_PARTIAL_FAILURE)
	if info.Metadata["succeeded"] != "1" || info.Metadata["failed"] != "1" {
		t.Errorf("counts %v", info.Metadata)
	}
	var failed []*lakeport.PathStatus
	for _, message := range messages {
		failed = append(failed, message.Failures...)
	}
	if len(failed) != 1 || failed[0].Path != "missing" || codes.Code(failed[0].Status.Code) != codes.NotFound {
		t.Errorf("failures %v", failed)
	}
}

func TestPresignIsUnimplementedOnAnEmbeddedLake(t *testing.T) {
	s := connect(t)
	s.write(t, target{branch: "main"}, "a", []byte("a"))
	_, err := s.files.Presign(t.Context(), &lakeport.PresignRequest{Repository: s.repository, Ref: "main", Path: "a"})
	checkError(t, err, codes.Unimplemented, lakeport.ErrorReason_ERROR_REASON_UNSUPPORTED)
}

func TestBatchesHaveChecksums(t *testing.T) {
	s := connect(t)
	request := &lakeport.BatchWriteRequest{
		Repository: s.repository,
		Ref:        "main",
		Items: []*lakeport.BatchWriteItem{
			{Path: "new", Data: []byte("new"), Crc32C: crc32c([]byte("new")), IfNoneMatch: "*", WriteId: "new-1"},
			{Path: "damaged", Data: []byte("damaged"), Crc32C: crc32c([]byte("other"))},
		},
	}
	// The second call finds the object of the first one by its write_id.
	for range 2 {
		written, err := s.files.BatchWrite(t.Context(), request)
		if err != nil {
			t.Fatal(err)
		}
		if code := codes.Code(written.Results[0].Status.GetCode()); code != codes.OK {
			t.Errorf("create-only item: %v", written.Results[0].Status)
		}
		if code := codes.Code(written.Results[1].Status.GetCode()); code != codes.InvalidArgument {
			t.Errorf("item with a wrong checksum: %v", written.Results[1].Status)
		}
	}
	stream, err := s.files.BatchRead(t.Context(), &lakeport.BatchReadRequest{
		Repository: s.repository,
		Ref:        "main",
		Paths:      []string{"new"},
	})
	item := all(t, stream, err)[0].Items[0]
	if !bytes.Equal(item.Data, []byte("new")) || item.Crc32C == nil || *item.Crc32C != *crc32c([]byte("new")) {
		t.Errorf("read %v", item)
	}
}
