package lakeport_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"

	lakeport "github.com/lakeport/lakeport/client/go"
	"github.com/lakeport/lakeport/client/go/lakeportv1"
	rpcstatus "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

func TestBatchesHaveAResultForEachItem(t *testing.T) {
	l := newLake(t)
	results, err := l.main.BatchWrite(t.Context(), []lakeport.BatchItem{
		{Path: "a", Data: []byte("one"), ContentType: "text/plain", Metadata: map[string]string{"k": "v"}},
		{Path: "", Data: []byte("no path")},
		{Path: "a", Data: []byte("twice")},
		{Path: "large", Data: noise(5 << 20)},
		{Path: "new", CreateOnly: true},
	})
	check(t, err)
	equal(t, results[0].Info.ContentType, "text/plain")
	failed(t, results[1].Err, codes.InvalidArgument, lakeport.ReasonInvalidField)
	failed(t, results[2].Err, codes.InvalidArgument, lakeport.ReasonInvalidField)
	equal(t, results[3].Info.SizeBytes, 5<<20)
	check(t, results[4].Err)
	equal(t, read(t, l.main, "a"), "one")

	results, err = l.main.BatchWrite(t.Context(), []lakeport.BatchItem{{Path: "x"}, {Path: "new", CreateOnly: true}})
	check(t, err)
	equal(t, errors.Is(lakeport.FirstError(results), fs.ErrExist), true)

	results, err = l.main.BatchStat(t.Context(), []string{"missing", "a"})
	check(t, err)
	failed(t, results[0].Err, codes.NotFound, lakeport.ReasonObjectNotFound)
	equal(t, results[1].Info.Metadata["k"], "v")
	equal(t, lakeport.FirstError(results[1:]), nil)

	results, err = l.main.BatchRead(t.Context(), []string{"a", "large", "missing"})
	check(t, err)
	equal(t, string(results[0].Data), "one")
	check(t, results[1].Err)
	equal(t, bytes.Equal(results[1].Data, noise(5<<20)), true)
	equal(t, results[1].Info.Path, "large")
	failed(t, results[2].Err, codes.NotFound, lakeport.ReasonObjectNotFound)
	equal(t, strings.HasPrefix(lakeport.FirstError(results).Error(), `"missing": `), true)
}

func TestLargeObjectOfABatchHasItsOwnError(t *testing.T) {
	s := fails(refusal(codes.NotFound, lakeport.ReasonObjectNotFound, 0), status.Error(codes.Unimplemented, "not by this proxy"))
	tooLarge := &rpcstatus.Status{Code: int32(codes.OutOfRange)}
	server := &fake{
		batchRead: func(_ *lakeportv1.BatchReadRequest, stream grpc.ServerStreamingServer[lakeportv1.BatchReadResponse]) error {
			return stream.Send(&lakeportv1.BatchReadResponse{Items: []*lakeportv1.BatchReadItem{{Status: tooLarge}}})
		},
		read: func(*lakeportv1.ReadRequest, grpc.ServerStreamingServer[lakeportv1.ReadResponse]) error {
			return s.next()
		},
	}
	files := server.start(t).Files("r", "main")
	results, err := files.BatchRead(t.Context(), []string{"large"})
	check(t, err)
	failed(t, results[0].Err, codes.NotFound, lakeport.ReasonObjectNotFound)
	equal(t, results[0].Path, "large")
	// A proxy rejected the call.
	_, err = files.BatchRead(t.Context(), []string{"large"})
	failed(t, err, codes.Unimplemented, "")
}

func TestLargeBatchesAreSplit(t *testing.T) {
	l := newLake(t)
	items, written := make([]lakeport.BatchItem, 300), make([]string, 300)
	for index := range items {
		written[index] = fmt.Sprintf("%03d", index)
		items[index] = lakeport.BatchItem{Path: written[index], Data: noise(8<<10 + index)}
	}
	results, err := l.main.BatchWrite(t.Context(), items)
	check(t, err)
	check(t, lakeport.FirstError(results))
	results, err = l.main.BatchRead(t.Context(), written)
	check(t, err)
	for index, result := range results {
		check(t, result.Err)
		equal(t, bytes.Equal(result.Data, items[index].Data), true)
		equal(t, result.Info.Path, written[index])
	}
	count, err := l.main.DeletePaths(t.Context(), written, nil)
	check(t, err)
	equal(t, count, 300)
}

func TestBatchAtAMissingRefFailsForEachItem(t *testing.T) {
	l := newLake(t)
	nowhere := l.Files(l.repository.Name(), "nowhere")
	results, err := nowhere.BatchStat(t.Context(), []string{"a"})
	check(t, err)
	failed(t, results[0].Err, codes.NotFound, lakeport.ReasonRefNotFound)
	results, err = nowhere.BatchWrite(t.Context(), []lakeport.BatchItem{{Path: "a"}})
	check(t, err)
	failed(t, results[0].Err, codes.NotFound, lakeport.ReasonRefNotFound)
	results, err = l.main.BatchStat(t.Context(), nil)
	check(t, err)
	equal(t, len(results), 0)
}
