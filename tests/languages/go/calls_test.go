package languages

import (
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	lakeport "github.com/lakeport/lakeport/client/go/lakeportv1"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
)

// The branch or the transaction of a call.
type target struct {
	branch      string
	transaction string
}

func (s server) begin(t *testing.T) string {
	t.Helper()
	begun, err := s.transactions.BeginTransaction(t.Context(), &lakeport.BeginTransactionRequest{
		Repository: s.repository,
		BaseBranch: "main",
	})
	if err != nil {
		t.Fatal(err)
	}
	return begun.Transaction.TransactionId
}

func (s server) commit(t *testing.T, id string) {
	t.Helper()
	if _, err := s.transactions.CommitTransaction(
		t.Context(),
		&lakeport.CommitTransactionRequest{TransactionId: id},
	); err != nil {
		t.Fatal(err)
	}
}

func (s server) commitBranch(t *testing.T, branch string) {
	t.Helper()
	if _, err := s.versions.CreateCommit(
		t.Context(),
		&lakeport.CreateCommitRequest{Repository: s.repository, Ref: branch},
	); err != nil {
		t.Fatal(err)
	}
}

func (s server) write(t *testing.T, to target, path string, data []byte) {
	t.Helper()
	stream, err := s.files.Write(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	message := &lakeport.WriteRequest{
		Repository:    s.repository,
		Ref:           to.branch,
		TransactionId: to.transaction,
		Path:          path,
		Data:          data,
		ObjectCrc32C:  crc32c(data),
		FinishWrite:   true,
	}
	// io.EOF says that the call has ended. CloseAndRecv returns its status.
	if err := stream.Send(message); err != nil && !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
	if _, err := stream.CloseAndRecv(); err != nil {
		t.Fatal(err)
	}
}

func (s server) read(t *testing.T, path string) []byte {
	t.Helper()
	stream, err := s.files.Read(t.Context(), &lakeport.ReadRequest{
		Repository: s.repository,
		Ref:        "main",
		Path:       path,
	})
	var data []byte
	for _, message := range all(t, stream, err) {
		data = append(data, message.Data...)
	}
	return data
}

func (s server) deleteInTransaction(t *testing.T, id, path string) {
	t.Helper()
	stream, err := s.files.Delete(t.Context(), &lakeport.DeleteRequest{TransactionId: id, Path: path})
	all(t, stream, err)
}

// Returns the messages of a stream and the error at its end, which is nil if the call succeeded.
func receive[M any](t *testing.T, stream grpc.ServerStreamingClient[M], err error) ([]*M, error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	var messages []*M
	for {
		message, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return messages, nil
		}
		if err != nil {
			return messages, err
		}
		messages = append(messages, message)
	}
}

// Returns the messages of a stream, at least one. Fails if the call fails.
func all[M any](t *testing.T, stream grpc.ServerStreamingClient[M], err error) []*M {
	t.Helper()
	messages, err := receive(t, stream, err)
	if err != nil {
		t.Fatal(err)
	}
	if len(messages) == 0 {
		t.Fatal("no message")
	}
	return messages
}

// Checks the code and the reason of an error. Returns the ErrorInfo.
func checkError(t *testing.T, err error, code codes.Code, reason lakeport.ErrorReason) *errdetails.ErrorInfo {
	t.Helper()
	if status.Code(err) != code {
		t.Fatalf("code %v instead of %v: %v", status.Code(err), code, err)
	}
	for _, detail := range status.Convert(err).Details() {
		info, ok := detail.(*errdetails.ErrorInfo)
		if !ok {
			continue
		}
		if wanted := strings.TrimPrefix(reason.String(), "ERROR_REASON_"); info.Reason != wanted {
			t.Errorf("reason %q instead of %q", info.Reason, wanted)
		}
		if info.Domain != "lakeport.dev" {
			t.Errorf("domain %q", info.Domain)
		}
		return info
	}
	t.Fatalf("no ErrorInfo in %v", err)
	return nil
}

func checkChanges(t *testing.T, changes, wanted []*lakeport.PathChange) {
	t.Helper()
	equal := func(a, b *lakeport.PathChange) bool { return proto.Equal(a, b) }
	if !slices.EqualFunc(changes, wanted, equal) {
		t.Errorf("changes %v instead of %v", changes, wanted)
	}
}
