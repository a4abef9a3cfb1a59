package lakeport

import (
	"context"
	"hash/crc32"

	"github.com/lakeport/lakeport/client/go/lakeportv1"
	"google.golang.org/protobuf/proto"
)

const (
	// batchWriteBytes is the size of a batch: a quarter of the limit, so that batches overlap. Larger objects are sent alone.
	batchWriteBytes = 1 << 20
	// batchWriteCalls is the number of concurrent calls of a [Files.BatchWrite].
	batchWriteCalls = 8
	// The weight of an item in the contract, which keeps the response within a message.
	itemWeight, metadataWeight = 256, 4
)

// BatchItem is an object of [Files.BatchWrite]. The fields mean the same as those of [WriteOptions].
type BatchItem struct {
	Path        string
	Data        []byte
	ContentType string
	Metadata    map[string]string
	CreateOnly  bool
	WriteID     string
}

// BatchWrite stores objects, many small ones with each call. It returns the stored object or the error of each item, in
// order: some items can fail while others succeed. To store all objects or none, use a transaction. Of items with the same
// path, only the first is stored. It fails as a whole only if a call fails; some items may be stored then.
func (f *Files) BatchWrite(ctx context.Context, items []BatchItem) ([]ItemResult, error) {
	results := make([]ItemResult, len(items))
	for index, item := range items {
		results[index].Path = item.Path
	}
	messages, positions := f.batchMessages(items, results)
	size := func(index int) int { return proto.Size(messages[index]) + itemOverhead }
	weight := func(index int) int { return responseWeight(messages[index]) }
	batches := splitItems(len(messages), batchWriteBytes, size, weight)
	err := parallel(ctx, batchWriteCalls, len(batches), func(ctx context.Context, index int) error {
		batch := batches[index]
		return f.writeBatch(ctx, messages[batch.from:batch.to], func(at int, result ItemResult) {
			position := positions[batch.from+at]
			results[position].Info, results[position].Err = result.Info, result.Err
		})
	})
	if err != nil {
		return nil, err
	}
	return results, nil
}

// batchMessages returns the messages of items, and the index of each in items. An item with the path of an earlier one has no
// message: in different calls, either could be stored last.
func (f *Files) batchMessages(items []BatchItem, results []ItemResult) (messages []*lakeportv1.BatchWriteItem, positions []int) {
	seen := make(map[string]bool, len(items))
	for index, item := range items {
		if seen[item.Path] {
			duplicate := invalid("an earlier item of the batch has the path %q too", item.Path)
			duplicate.Reason, duplicate.FieldViolations = ReasonInvalidField, []FieldViolation{{"path", "occurs more than once"}}
			results[index].Err = duplicate
			continue
		}
		seen[item.Path] = true
		message := &lakeportv1.BatchWriteItem{
			Path:        item.Path,
			ContentType: item.ContentType,
			Metadata:    item.Metadata,
			WriteId:     item.WriteID,
			Crc32C:      new(crc32.Checksum(item.Data, castagnoli)),
			Data:        item.Data,
		}
		if item.CreateOnly {
			message.IfNoneMatch, message.WriteId = createOnly, firstNonEmpty(item.WriteID, randomID())
		}
		messages, positions = append(messages, message), append(positions, index)
	}
	return messages, positions
}

func responseWeight(item *lakeportv1.BatchWriteItem) int {
	weight := itemWeight + len(item.Path) + len(item.ContentType)
	for key, value := range item.Metadata {
		weight += len(key) + len(value) + 2*metadataWeight
	}
	return weight
}

// writeBatch stores one batch.
func (f *Files) writeBatch(ctx context.Context, items []*lakeportv1.BatchWriteItem, use func(int, ItemResult)) error {
	if len(items) == 1 && len(items[0].Data) > batchWriteBytes {
		return f.writeLarge(ctx, items[0], use)
	}
	response, err := unary(ctx, f.client, idempotent, f.client.files.BatchWrite, &lakeportv1.BatchWriteRequest{
		Repository:    f.place.repository,
		Ref:           f.place.ref,
		TransactionId: f.place.transactionID,
		Items:         items,
	})
	if err != nil {
		return err
	}
	if len(response.Results) != len(items) {
		return badResponse("the response has %d results for %d items", len(response.Results), len(items))
	}
	for at, result := range response.Results {
		if failure := itemError(result.Status); failure != nil {
			use(at, ItemResult{Err: failure})
		} else {
			use(at, ItemResult{Info: result.Info})
		}
	}
	return nil
}

// writeLarge streams an item.
func (f *Files) writeLarge(ctx context.Context, item *lakeportv1.BatchWriteItem, use func(int, ItemResult)) error {
	info, err := f.store(ctx, f.itemHeader(item), item.Data)
	if isCallFailure(err) {
		return err
	}
	use(0, ItemResult{Info: info, Err: err})
	return nil
}

func (f *Files) itemHeader(item *lakeportv1.BatchWriteItem) *lakeportv1.WriteRequest {
	return &lakeportv1.WriteRequest{
		Repository:    f.place.repository,
		Ref:           f.place.ref,
		TransactionId: f.place.transactionID,
		Path:          item.Path,
		ContentType:   item.ContentType,
		Metadata:      item.Metadata,
		IfNoneMatch:   item.IfNoneMatch,
		WriteId:       item.WriteId,
		SizeBytes:     new(int64(len(item.Data))),
	}
}
