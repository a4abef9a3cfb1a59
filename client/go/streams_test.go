package lakeport_test

import (
	"context"
	"errors"
	"hash/crc32"
	"io"
	"testing"
	"time"

	lakeport "github.com/lakeport/lakeport/client/go"
	"github.com/lakeport/lakeport/client/go/lakeportv1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
)

type (
	readStream  = grpc.ServerStreamingServer[lakeportv1.ReadResponse]
	writeStream = grpc.ClientStreamingServer[lakeportv1.WriteRequest, lakeportv1.WriteResponse]
)

func sum(data []byte) *uint32 {
	return new(crc32.Checksum(data, crc32.MakeTable(crc32.Castagnoli)))
}

// piece is a message of a read.
func piece(offset int64, text string) *lakeportv1.ReadResponse {
	return &lakeportv1.ReadResponse{Offset: offset, Data: []byte(text), Crc32C: sum([]byte(text))}
}

const content = "0123456789"

// serve sends the requested part of content in pieces of 3 bytes, and breaks after each piece.
func serveAndBreak(requests *[]*lakeportv1.ReadRequest) *fake {
	return &fake{read: func(q *lakeportv1.ReadRequest, s readStream) error {
		*requests = append(*requests, proto.CloneOf(q))
		end := int64(len(content))
		if q.ReadLimit > 0 {
			end = min(end, q.ReadOffset+q.ReadLimit)
		}
		message := piece(q.ReadOffset, content[q.ReadOffset:min(end, q.ReadOffset+3)])
		message.Info = &lakeport.FileInfo{Path: "a", SizeBytes: int64(len(content)), Etag: "one"}
		if err := s.Send(message); err != nil || q.ReadOffset+3 >= end {
			return err
		}
		return away
	}}
}

func TestReadContinuesAtTheNextByteOfTheSameVersion(t *testing.T) {
	var requests []*lakeportv1.ReadRequest
	files := serveAndBreak(&requests).start(t).Files("r", "main")
	equal(t, read(t, files, "a"), content)
	equal(t, len(requests), 4)
	equal(t, requests[0].IfMatch, "")
	equal(t, requests[0].Checksum, true)
	for index, request := range requests[1:] {
		equal(t, request.IfMatch, "one")
		equal(t, request.ReadOffset, int64(3*(index+1)))
		equal(t, request.ReadLimit, int64(10-3*(index+1)))
	}
	part, err := files.ReadAll(t.Context(), "a", &lakeport.ReadOptions{Offset: 2, Length: 5, IfNoneMatch: "zero"})
	check(t, err)
	equal(t, string(part), content[2:7])
	last := requests[len(requests)-1]
	equal(t, last.IfNoneMatch, "")
	equal(t, last.ReadOffset, 5)
	equal(t, last.ReadLimit, 2)
}

func TestReadOfWrongBytesFails(t *testing.T) {
	info := &lakeport.FileInfo{Path: "a", SizeBytes: 6, Etag: "one"}
	for name, messages := range map[string][]*lakeportv1.ReadResponse{
		"checksum":  {piece(0, "abc"), {Offset: 3, Data: []byte("def"), Crc32C: new(uint32(1))}},
		"gap":       {piece(0, "abc"), piece(4, "ef")},
		"too many":  {piece(0, "abc"), piece(3, "defg")},
		"duplicate": {piece(0, "abc"), piece(0, "abc")},
	} {
		calls := 0
		server := &fake{read: func(_ *lakeportv1.ReadRequest, s readStream) error {
			calls++
			messages[0].Info = info
			for _, message := range messages {
				if err := s.Send(message); err != nil {
					return err
				}
			}
			return nil
		}}
		_, err := server.start(t).Files("r", "main").ReadAll(t.Context(), "a", nil)
		equal(t, errors.Is(err, lakeport.ErrDataLoss), true)
		if calls != 1 {
			t.Errorf("%s: %d calls", name, calls)
		}
	}
}

func TestReadThatEndsEarlyContinuesOrFails(t *testing.T) {
	calls := 0
	server := &fake{read: func(q *lakeportv1.ReadRequest, s readStream) error {
		calls++
		message := piece(q.ReadOffset, "")
		message.Info = &lakeport.FileInfo{Path: "a", SizeBytes: 6, Etag: "one"}
		return s.Send(message)
	}}
	_, err := server.start(t).Files("r", "main").ReadAll(t.Context(), "a", nil)
	failed(t, err, codes.Unavailable, "")
	equal(t, calls, 4)
}

func TestChangedObjectEndsARead(t *testing.T) {
	changed := refusal(codes.FailedPrecondition, lakeport.ReasonETagMismatch, 0)
	server := &fake{read: func(q *lakeportv1.ReadRequest, s readStream) error {
		if q.IfMatch != "" {
			return changed
		}
		message := piece(0, "abc")
		message.Info = &lakeport.FileInfo{Path: "a", SizeBytes: 6, Etag: "one"}
		if err := s.Send(message); err != nil {
			return err
		}
		return away
	}}
	data, err := server.start(t).Files("r", "main").ReadAll(t.Context(), "a", nil)
	failed(t, err, codes.FailedPrecondition, lakeport.ReasonETagMismatch)
	equal(t, data == nil, true)
}

// A range from the end may overlap another one. After a lost connection, it must still count from the end.
func TestRangesFromTheEndStayFromTheEnd(t *testing.T) {
	var requests [][]*lakeportv1.ReadRange
	server := &fake{read: func(q *lakeportv1.ReadRequest, s readStream) error {
		requests = append(requests, q.Ranges)
		message := piece(4, content[4:6])
		if len(requests) > 1 {
			message = piece(6, content[6:])
		}
		message.Info = &lakeport.FileInfo{Path: "a", SizeBytes: int64(len(content)), Etag: "one"}
		if err := s.Send(message); err != nil || len(requests) > 1 {
			return err
		}
		return away
	}}
	results, err := server.start(t).Files("r", "main").ReadRanges(t.Context(), "a", []lakeport.Range{{Offset: -6}}, nil)
	check(t, err)
	equal(t, string(results[0].Data), "456789")
	equal(t, requests[1][0].ReadOffset, -4)
}

func TestShortRangeIsNotAccepted(t *testing.T) {
	server := &fake{read: func(_ *lakeportv1.ReadRequest, s readStream) error {
		message := piece(0, content[:2])
		message.Info = &lakeport.FileInfo{Path: "a", SizeBytes: int64(len(content)), Etag: "one"}
		return s.Send(message)
	}}
	_, err := server.start(t).Files("r", "main").ReadRanges(t.Context(), "a", []lakeport.Range{{Length: 5}, {Offset: 6}}, nil)
	failure := &lakeport.Error{}
	equal(t, errors.As(err, &failure), true)
}

func TestManyRangesContinueAfterALostConnection(t *testing.T) {
	var counts []int
	server := &fake{read: func(q *lakeportv1.ReadRequest, s readStream) error {
		counts = append(counts, len(q.Ranges))
		for index, wanted := range q.Ranges {
			offset := wanted.ReadOffset
			if offset < 0 {
				offset += int64(len(content))
			}
			end := int64(len(content))
			if wanted.ReadLimit > 0 {
				end = min(end, offset+wanted.ReadLimit)
			}
			message := piece(offset, content[offset:min(end, offset+2)])
			message.RangeIndex = int32(index)
			message.Info = &lakeport.FileInfo{Path: "a", SizeBytes: int64(len(content)), Etag: "one"}
			if err := s.Send(message); err != nil {
				return err
			}
			if offset+2 < end {
				return away
			}
		}
		return nil
	}}
	files := server.start(t).Files("r", "main")
	ranges := []lakeport.Range{{Offset: 0, Length: 1}, {Offset: 1, Length: 4}, {Offset: -3}, {Offset: 5, Length: 1}}
	results, err := files.ReadRanges(t.Context(), "a", ranges, nil)
	check(t, err)
	for index, wanted := range []string{"0", "1234", "789", "5"} {
		equal(t, string(results[index].Data), wanted)
	}
	equal(t, len(counts), 3)
	equal(t, counts[2], 2)
}

func TestSilentServerEndsAReadAfterTheTimeout(t *testing.T) {
	server := &fake{read: func(_ *lakeportv1.ReadRequest, s readStream) error {
		message := piece(0, "abc")
		message.Info = &lakeport.FileInfo{Path: "a", SizeBytes: 6, Etag: "one"}
		if err := s.Send(message); err != nil {
			return err
		}
		<-s.Context().Done()
		return s.Context().Err()
	}}
	r, err := server.start(t, lakeport.WithTimeout(300*time.Millisecond)).Files("r", "main").NewReader(t.Context(), "a", nil)
	check(t, err)
	defer r.Close()
	// The time in which the caller does not read does not count.
	time.Sleep(400 * time.Millisecond)
	check(t, second(io.ReadFull(r, make([]byte, 3))))
	began := time.Now()
	_, err = r.Read(make([]byte, 1))
	failed(t, err, codes.DeadlineExceeded, "")
	equal(t, errors.Is(err, lakeport.ErrTimeout), true)
	equal(t, time.Since(began) < 1300*time.Millisecond, true)
}

func TestClosedReaderEndsItsCall(t *testing.T) {
	ended := make(chan struct{})
	server := &fake{read: func(_ *lakeportv1.ReadRequest, s readStream) error {
		defer close(ended)
		message := piece(0, "abc")
		message.Info = &lakeport.FileInfo{Path: "a", SizeBytes: 1 << 40, Etag: "one"}
		if err := s.Send(message); err != nil {
			return err
		}
		<-s.Context().Done()
		return s.Context().Err()
	}}
	r, err := server.start(t).Files("r", "main").NewReader(t.Context(), "a", nil)
	check(t, err)
	check(t, r.Close())
	<-ended
}

func TestWriteSendsFramesWithOffsetsAndChecksums(t *testing.T) {
	var messages []*lakeportv1.WriteRequest
	server := &fake{write: func(s writeStream) (err error) {
		if messages, err = receiveAll(s); err != nil {
			return err
		}
		return s.SendAndClose(&lakeportv1.WriteResponse{Info: &lakeport.FileInfo{}})
	}}
	files := server.start(t).Files("r", "main")
	data := noise(2<<20 + 3)
	verify := func(wanted int) {
		t.Helper()
		equal(t, len(messages), wanted)
		offset := int64(0)
		for index, message := range messages {
			isLast := index == len(messages)-1
			equal(t, message.Path == "a", index == 0)
			equal(t, message.GetWriteOffset(), offset)
			equal(t, message.GetCrc32C(), *sum(message.Data))
			equal(t, message.FinishWrite, isLast)
			if isLast {
				equal(t, message.GetObjectCrc32C(), *sum(data))
			}
			offset += int64(len(message.Data))
		}
		equal(t, offset, int64(len(data)))
	}
	check(t, second(files.WriteAll(t.Context(), "a", data, nil)))
	verify(3)
	equal(t, messages[0].GetSizeBytes(), int64(len(data)))
	w := files.NewWriter(t.Context(), "a", nil)
	check(t, second(w.Write(data)))
	check(t, w.Close())
	verify(3)
	equal(t, messages[0].SizeBytes == nil, true)
	data = data[:1<<20]
	check(t, second(files.WriteAll(t.Context(), "a", data, nil)))
	verify(1)
}

func TestAbortedWriteSendsNoLastMessage(t *testing.T) {
	finished, ended := make(chan bool, 1), make(chan error, 1)
	server := &fake{write: func(s writeStream) error {
		messages, err := receiveAll(s)
		finished <- len(messages) > 0 && messages[len(messages)-1].FinishWrite
		ended <- err
		return err
	}}
	files := server.start(t).Files("r", "main")
	for _, end := range []func(w *lakeport.Writer, cancel func()){
		func(w *lakeport.Writer, _ func()) { w.Abort() },
		func(_ *lakeport.Writer, cancel func()) { cancel() },
	} {
		ctx, cancel := context.WithCancel(t.Context())
		w := files.NewWriter(ctx, "a", nil)
		check(t, second(w.Write(noise(2<<20))))
		end(w, cancel)
		equal(t, <-finished, false)
		equal(t, <-ended == nil, false)
		cancel()
	}
}

func TestStalledWriteEndsAfterTheTimeout(t *testing.T) {
	server := &fake{write: func(s writeStream) error {
		<-s.Context().Done()
		return s.Context().Err()
	}}
	files := server.start(t, lakeport.WithTimeout(300*time.Millisecond)).Files("r", "main")
	began := time.Now()
	failed(t, second(files.WriteAll(t.Context(), "a", noise(64<<20), nil)), codes.DeadlineExceeded, "")
	failed(t, second(files.WriteAll(t.Context(), "a", nil, nil)), codes.DeadlineExceeded, "")
	equal(t, time.Since(began) < 2*time.Second, true)
}
