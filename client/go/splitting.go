package lakeport

// The limits of a batch.
const (
	maxBatchItems   = 10_000
	maxMessageBytes = 4<<20 - 64<<10
	// itemOverhead is more than protobuf adds to a path or an item.
	itemOverhead = 16
	// requestOverhead is more than the fields of a request need beside its items.
	requestOverhead = 4 << 10
)

// batch is a range of the items of a request that was split.
type batch struct {
	from, to int
}

// splitItems splits items into batches with at most maxBatchItems items, and a sum of each of their weights of at most limit.
// An item that is larger is a batch alone.
func splitItems(count, limit int, weights ...func(index int) int) []batch {
	var batches []batch
	sums := make([]int, len(weights))
	for index, from := 0, 0; index < count; index++ {
		fits := index-from < maxBatchItems
		for at, weight := range weights {
			fits = fits && sums[at]+weight(index) <= limit
		}
		if len(batches) == 0 || !fits {
			batches, from = append(batches, batch{from: index}), index
			clear(sums)
		}
		batches[len(batches)-1].to = index + 1
		for at, weight := range weights {
			sums[at] += weight(index)
		}
	}
	return batches
}

// splitPaths splits paths into batches that fit into a request.
func splitPaths(paths []string) []batch {
	return splitItems(len(paths), maxMessageBytes-requestOverhead, func(index int) int {
		return len(paths[index]) + itemOverhead
	})
}
