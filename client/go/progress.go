package lakeport

import (
	"context"
	"math"
	"time"
)

// progress measures the time since the server last made progress in a stream.
type progress struct {
	// timeout is the time without progress after which the stream fails. 0: none.
	timeout time.Duration
	since   time.Time
}

func newProgress(timeout time.Duration) *progress {
	return &progress{timeout: timeout, since: time.Now()}
}

// unlimited returns a measure without a timeout.
func unlimited() *progress {
	return &progress{}
}

// made records that the server made progress, or that the wait for it begins.
func (p *progress) made() {
	p.since = time.Now()
}

// left returns the time that the server has left to make progress.
func (p *progress) left() time.Duration {
	if p.timeout == 0 {
		return math.MaxInt64
	}
	return p.timeout - time.Since(p.since)
}

// wait calls block, which waits for the server, and cancels its context if the time without progress ends first.
func (p *progress) wait(cancel context.CancelCauseFunc, block func() error) error {
	if p.timeout > 0 {
		timer := time.AfterFunc(p.left(), func() { cancel(errNoProgress) })
		defer timer.Stop()
	}
	err := block()
	if err == nil {
		p.made()
	}
	return err
}
