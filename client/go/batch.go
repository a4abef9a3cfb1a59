package lakeport

import (
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"io"

	rpcstatus "google.golang.org/genproto/googleapis/rpc/status"

	"github.com/lakeport/lakeport/client/go/lakeportv1"
	"google.golang.org/grpc/codes"
)

// ItemResult is the result for one item of a batch.
type ItemResult struct {
	// Path is the path of the item.
	Path string
	// Info describes the object. nil if the item failed. Results of [Files.BatchRead] have no user metadata.
	Info *FileInfo
	// Data are the bytes of the object. Only in results of [Files.BatchRead].
	Data []byte
	// Err is the error of the item. nil if it succeeded.
	Err error
}

// FirstError returns an error for the first failed item, with its path. nil if all items succeeded.
func FirstError(results []ItemResult) error {
	for _, result := range results {
		if result.Err != nil {
			return fmt.Errorf("%q: %w", result.Path, result.Err)
		}
	}
	return nil
}

// BatchStat returns the metadata of each object, or its error, in the order of the paths. It fails as a whole only if the
// call fails.
func (f *Files) BatchStat(ctx context.Context, paths []string) ([]ItemResult, error) {
	take := func(r *lakeportv1.BatchStatResponse) []*lakeportv1.BatchStatItem { return r.Items }
	result := func(item *lakeportv1.BatchStatItem) ItemResult { return ItemResult{Info: item.Info} }
	return readBatches(ctx, f.client, f.client.files.BatchStat, paths, take, result, func(paths []string) *lakeportv1.BatchStatRequest {
		return &lakeportv1.BatchStatRequest{
			Repository:    f.place.repository,
			Ref:           f.place.ref,
			TransactionId: f.place.transactionID,
			Paths:         paths,
		}
	})
}

// largeReadCalls is the number of concurrent calls for the large objects of a [Files.BatchRead].
const largeReadCalls = 4

// BatchRead reads whole objects into memory, many small ones with each call. It returns the bytes of each object, or its error,
// in the order of the paths. An object larger than 3 MiB needs a second call. It fails as a whole only if a call fails.
func (f *Files) BatchRead(ctx context.Context, paths []string) ([]ItemResult, error) {
	results, err := f.batchRead(ctx, paths)
	if err != nil {
		return nil, err
	}
	var large []*ItemResult
	for index := range results {
		if errors.Is(results[index].Err, ErrOutOfRange) {
			large = append(large, &results[index])
		}
	}
	err = parallel(ctx, largeReadCalls, len(large), func(ctx context.Context, index int) error {
		return f.readLarge(ctx, large[index])
	})
	if err != nil {
		return nil, err
	}
	return results, nil
}

// batchRead reads objects that fit into a message. For a larger one, the result has [ErrOutOfRange].
func (f *Files) batchRead(ctx context.Context, paths []string) ([]ItemResult, error) {
	take := func(r *lakeportv1.BatchReadResponse) []*lakeportv1.BatchReadItem { return r.Items }
	return readBatches(ctx, f.client, f.client.files.BatchRead, paths, take, readResult, func(paths []string) *lakeportv1.BatchReadRequest {
		return &lakeportv1.BatchReadRequest{
			Repository:    f.place.repository,
			Ref:           f.place.ref,
			TransactionId: f.place.transactionID,
			Paths:         paths,
		}
	})
}

func readResult(item *lakeportv1.BatchReadItem) ItemResult {
	if item.Crc32C != nil && *item.Crc32C != crc32.Checksum(item.Data, castagnoli) {
		return ItemResult{Err: corrupt("the bytes of the object do not match their checksum")}
	}
	return ItemResult{Info: item.Info, Data: item.Data}
}

// readLarge streams the object of a result.
func (f *Files) readLarge(ctx context.Context, result *ItemResult) error {
	info, data, err := f.readWhole(ctx, result.Path)
	if isCallFailure(err) {
		return err
	}
	*result = ItemResult{Path: result.Path, Info: info, Data: data, Err: err}
	return nil
}

func (f *Files) readWhole(ctx context.Context, path string) (*FileInfo, []byte, error) {
	r, err := f.NewReader(ctx, path, nil)
	if err != nil {
		return nil, nil, err
	}
	defer r.Close()
	data, err := r.readAll()
	if err != nil {
		return nil, nil, err
	}
	return r.Info(), data, nil
}

// isCallFailure returns whether a call failed, and not its only item: the server rejected no item, and sent no wrong bytes.
func isCallFailure(err error) bool {
	failure := asError(err)
	return failure != nil && failure.Reason == "" && failure.Code != codes.DataLoss
}

// batchItem is an item of a response to BatchStat or BatchRead.
type batchItem interface {
	GetIndex() int32
	GetStatus() *rpcstatus.Status
}

// readBatches sends requests for paths, and returns the results in the order of the paths.
func readBatches[Q, R any, I batchItem](
	ctx context.Context, c *Client, send streaming[Q, R], paths []string, take func(*R) []I, result func(I) ItemResult,
	request func([]string) *Q,
) ([]ItemResult, error) {
	results := make([]ItemResult, len(paths))
	for _, batch := range splitPaths(paths) {
		pending := indexes(batch)
		clock := newProgress(c.timeout)
		_, err := repeat(ctx, idempotent, clock, func() (struct{}, error) {
			wanted := make([]string, len(pending))
			for at, index := range pending {
				wanted[at] = paths[index]
			}
			stream, err := openOnce(ctx, c, clock, send, request(wanted))
			if err != nil {
				return struct{}{}, err
			}
			defer stream.close()
			// After a lost connection, the next attempt requests only the missing results.
			pending, err = receiveItems(stream, pending, take, func(index int, item I) {
				results[index] = itemResult(item, result)
			})
			return struct{}{}, err
		})
		if err != nil {
			return nil, err
		}
	}
	for index, path := range paths {
		results[index].Path = path
	}
	return results, nil
}

func itemResult[I batchItem](item I, result func(I) ItemResult) ItemResult {
	if failure := itemError(item.GetStatus()); failure != nil {
		return ItemResult{Err: failure}
	}
	return result(item)
}

// receiveItems passes the items of a response to use, with their indexes. It returns the indexes without an item.
func receiveItems[R any, I batchItem](
	stream *responses[R], pending []int, take func(*R) []I, use func(index int, item I),
) ([]int, error) {
	received := make([]bool, len(pending))
	missing := func() (missing []int) {
		for at, index := range pending {
			if !received[at] {
				missing = append(missing, index)
			}
		}
		return missing
	}
	for {
		response, err := stream.next()
		if err == io.EOF {
			if rest := missing(); len(rest) > 0 {
				return rest, badResponse("the response has no result for %d of %d items", len(rest), len(pending))
			}
			return nil, nil
		}
		if err != nil {
			return missing(), err
		}
		for _, item := range take(response) {
			at := int(item.GetIndex())
			if at < 0 || at >= len(pending) {
				return missing(), badResponse("the response has a result for item %d of %d", at, len(pending))
			}
			received[at] = true
			use(pending[at], item)
		}
	}
}

func indexes(of batch) []int {
	all := make([]int, 0, of.to-of.from)
	for index := of.from; index < of.to; index++ {
		all = append(all, index)
	}
	return all
}
