package scenarios

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"strconv"
	"sync/atomic"
	"time"

	lakeport "github.com/lakeport/lakeport/client/go"
	"google.golang.org/grpc/codes"
)

const (
	// slack is the number of files and goroutines that may come and go.
	slack = 8
	// memorySlack and memorySlackPerCall are the bytes that the memory may grow, in all and per call.
	memorySlack        = 8 << 20
	memorySlackPerCall = 1 << 10
)

// chosenCancellations returns the number of calls that the environment sets, or 0. It is set only if nothing else runs in this
// process.
func chosenCancellations() int {
	count, err := strconv.Atoi(os.Getenv("LAKEPORT_TEST_CANCELLATIONS"))
	if err != nil {
		return 0
	}
	return count
}

// cancelRepeatedly makes a call many times, and cancels each after a random time.
func (r *runner) cancelRepeatedly(ctx context.Context, step fields) (fields, error) {
	times := number(step, "times")
	if chosen := chosenCancellations(); chosen > 0 {
		times = chosen
	}
	// The first calls fill buffers and pools.
	if _, err := r.canceledCalls(ctx, step, times/10); err != nil {
		return nil, err
	}
	before, err := currentUsage()
	if err != nil {
		return nil, err
	}
	canceled, err := r.canceledCalls(ctx, step, times)
	if err == nil && canceled == 0 {
		err = errors.New("no call was cancelled")
	}
	if err != nil {
		return nil, err
	}
	if _, err := r.calls(ctx, ""); err != nil {
		return nil, err
	}
	growth := []any{}
	if chosenCancellations() > 0 {
		after, err := currentUsage()
		if err != nil {
			return nil, err
		}
		fmt.Printf("%d cancelled calls: %+v became %+v\n", times, before, after)
		growth = list(after.growthSince(before, times))
	}
	return fields{"cancelled": canceled, "growth": growth}, nil
}

// canceledCalls returns the number of calls that were cancelled. The others completed.
func (r *runner) canceledCalls(ctx context.Context, step fields, times int) (int, error) {
	call, longest := step["call"].(fields), milliseconds(step, "after_ms")
	var left, canceled atomic.Int64
	left.Store(int64(times))
	workers := number(step, "parallel")
	failures := make(chan error, workers)
	for range workers {
		go func() {
			for left.Add(-1) >= 0 {
				limited, cancel := context.WithCancel(ctx)
				timer := time.AfterFunc(rand.N(longest), cancel)
				_, err := r.operation(limited, call)
				timer.Stop()
				cancel()
				var failure *lakeport.Error
				switch {
				case err == nil:
				case errors.As(err, &failure) && failure.Code == codes.Canceled:
					canceled.Add(1)
				default:
					failures <- fmt.Errorf("a cancelled call failed: %w", err)
					return
				}
			}
			failures <- nil
		}()
	}
	var failed error
	for range workers {
		failed = errors.Join(failed, <-failures)
	}
	return int(canceled.Load()), failed
}

// usage is what this process uses.
type usage struct {
	files, goroutines int
	memory            uint64
}

func currentUsage() (usage, error) {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return usage{}, err
	}
	var memory runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&memory)
	return usage{files: len(entries), goroutines: runtime.NumGoroutine(), memory: memory.HeapAlloc}, nil
}

func (u usage) growthSince(before usage, calls int) []string {
	var growth []string
	if u.files > before.files+slack {
		growth = append(growth, "files")
	}
	if u.goroutines > before.goroutines+slack {
		growth = append(growth, "tasks")
	}
	if u.memory > before.memory+memorySlack+uint64(calls)*memorySlackPerCall {
		growth = append(growth, "memory")
	}
	return growth
}
