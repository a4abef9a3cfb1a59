package lakeport

import (
	"context"
	"sync"
)

// parallel calls work for each index below count, at most limit at a time. After an error, it cancels the context of the others,
// waits for them, and returns the first error.
func parallel(ctx context.Context, limit, count int, work func(ctx context.Context, index int) error) error {
	parent := ctx
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var workers sync.WaitGroup
	indexes := make(chan int)
	for range min(limit, count) {
		workers.Go(func() {
			for index := range indexes {
				if err := work(ctx, index); err != nil {
					cancel(err)
					return
				}
			}
		})
	}
	for index := range count {
		select {
		case indexes <- index:
			continue
		case <-ctx.Done():
		}
		break
	}
	close(indexes)
	workers.Wait()
	if parent.Err() != nil {
		return contextError(parent, "the call")
	}
	return context.Cause(ctx)
}
