package lakeport_test

import (
	"context"
	"io"
	"runtime"
	"testing"

	lakeport "github.com/lakeport/lakeport/client/go"
	"google.golang.org/grpc/codes"
)

// TestEndedCallsLeaveNothingBehind cancels each kind of call, and checks that no goroutine remains.
func TestEndedCallsLeaveNothingBehind(t *testing.T) {
	l := newLake(t)
	check(t, second(l.main.WriteAll(t.Context(), "large", noise(8<<20), nil)))
	for number := range 3 {
		write(t, l.main, string(rune('a'+number)), "small")
	}
	before := runtime.NumGoroutine()
	for range 20 {
		ctx, cancel := context.WithCancel(t.Context())
		r, err := l.main.NewReader(ctx, "large", nil)
		check(t, err)
		check(t, second(io.ReadFull(r, make([]byte, 10))))
		closed, err := l.main.NewReader(t.Context(), "large", nil)
		check(t, err)
		check(t, closed.Close())
		w := l.main.NewWriter(ctx, "never", nil)
		check(t, second(w.Write(noise(3<<20))))
		aborted := l.main.NewWriter(t.Context(), "never", nil)
		check(t, second(aborted.Write(noise(3<<20))))
		aborted.Abort()
		for range l.main.List(ctx, nil) {
			break
		}
		tx, err := l.Begin(ctx, l.repository.Name(), "main", nil)
		check(t, err)
		stop := tx.StartKeepAlive(ctx)
		for range tx.Watch(ctx) {
			break
		}
		check(t, second(tx.Rollback(ctx)))
		cancel()
		stop()
	}
	await(t, "the end of all goroutines", func() bool { return runtime.NumGoroutine() <= before })
	_, err := l.main.Stat(t.Context(), "never")
	failed(t, err, codes.NotFound, lakeport.ReasonObjectNotFound)
}

func TestClientIsUsedConcurrently(t *testing.T) {
	l := newLake(t)
	data := noise(1 << 20)
	errs := make(chan error)
	for worker := range 8 {
		go func() {
			errs <- func() error {
				path := string(rune('a' + worker))
				for range 5 {
					if _, err := l.main.WriteAll(context.Background(), path, data, nil); err != nil {
						return err
					}
					if _, err := l.main.ReadAll(context.Background(), path, nil); err != nil {
						return err
					}
				}
				return nil
			}()
		}()
	}
	for range 8 {
		check(t, <-errs)
	}
}
