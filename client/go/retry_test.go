package lakeport_test

import (
	"context"
	"errors"
	"io"
	"slices"
	"strconv"
	"testing"
	"time"

	lakeport "github.com/lakeport/lakeport/client/go"
	"github.com/lakeport/lakeport/client/go/lakeportv1"
	rpcstatus "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

var (
	away       = refusal(codes.Unavailable, lakeport.ReasonLakeFSUnavailable, 0)
	overloaded = refusal(codes.ResourceExhausted, lakeport.ReasonOverloaded, 10*time.Millisecond)
	inDoubt    = refusal(codes.Unavailable, lakeport.ReasonCommitInDoubt, 0)
)

// statting returns a server whose Stat fails as the script says.
func statting(s *script) *fake {
	return &fake{stat: func(context.Context, *lakeportv1.StatRequest) (*lakeportv1.StatResponse, error) {
		return &lakeportv1.StatResponse{Info: &lakeport.FileInfo{Path: "a"}}, s.next()
	}}
}

func stat(t testing.TB, client *lakeport.Client) error {
	t.Helper()
	return second(client.Files("r", "main").Stat(t.Context(), "a"))
}

func TestIdempotentCallHasFourAttempts(t *testing.T) {
	s := repeated(away, 3)
	check(t, stat(t, statting(s).start(t)))
	equal(t, s.count(), 4)
	s = repeated(away, 9)
	failed(t, stat(t, statting(s).start(t)), codes.Unavailable, lakeport.ReasonLakeFSUnavailable)
	equal(t, s.count(), 4)
}

func TestPermanentErrorIsNotRetried(t *testing.T) {
	for _, code := range []codes.Code{codes.NotFound, codes.InvalidArgument, codes.Aborted, codes.DataLoss, codes.ResourceExhausted} {
		s := repeated(refusal(code, "FROM_THE_FUTURE", time.Millisecond), 9)
		failure := failed(t, stat(t, statting(s).start(t)), code, "FROM_THE_FUTURE")
		equal(t, failure.RetryDelay, time.Millisecond)
		equal(t, s.count(), 1)
	}
}

func TestRetryWaitsAsLongAsTheServerAsks(t *testing.T) {
	s := fails(refusal(codes.Unavailable, lakeport.ReasonShuttingDown, 700*time.Millisecond))
	began := time.Now()
	check(t, stat(t, statting(s).start(t)))
	equal(t, time.Since(began) >= 700*time.Millisecond, true)
}

func TestOverloadIsWaitedOutUntilTheDeadline(t *testing.T) {
	s := repeated(overloaded, 5)
	check(t, stat(t, statting(s).start(t)))
	equal(t, s.count(), 6)
	s = repeated(overloaded, 99)
	began := time.Now()
	err := stat(t, statting(s).start(t, lakeport.WithTimeout(time.Second)))
	failed(t, err, codes.ResourceExhausted, lakeport.ReasonOverloaded)
	equal(t, time.Since(began) < 2*time.Second, true)
}

func TestOverloadOfUploadsIsWaitedOutUntilTheTimeout(t *testing.T) {
	server := &fake{
		write: func(stream grpc.ClientStreamingServer[lakeportv1.WriteRequest, lakeportv1.WriteResponse]) error {
			if _, err := stream.Recv(); err != nil {
				return err
			}
			return overloaded
		},
		compose: func(_ *lakeportv1.ComposeRequest, stream grpc.ServerStreamingServer[lakeportv1.ComposeResponse]) error {
			if err := stream.Send(&lakeportv1.ComposeResponse{}); err != nil {
				return err
			}
			return overloaded
		},
	}
	files := server.start(t, lakeport.WithTimeout(time.Second)).Files("r", "main")
	began := time.Now()
	failed(t, second(files.WriteAll(t.Context(), "a", noise(2<<20), nil)), codes.ResourceExhausted, lakeport.ReasonOverloaded)
	failed(t, second(files.Compose(t.Context(), "a", []string{"b"}, nil)), codes.ResourceExhausted, lakeport.ReasonOverloaded)
	equal(t, time.Since(began) < 4*time.Second, true)
}

func TestRollbackWaitsForTheEndOfACommit(t *testing.T) {
	s := fails(refusal(codes.FailedPrecondition, lakeport.ReasonTransactionCommitting, 10*time.Millisecond))
	server := &fake{
		begin: func(context.Context, *lakeportv1.BeginTransactionRequest) (*lakeportv1.BeginTransactionResponse, error) {
			return &lakeportv1.BeginTransactionResponse{}, nil
		},
		rollback: func(context.Context, *lakeportv1.RollbackTransactionRequest) (*lakeportv1.RollbackTransactionResponse, error) {
			return &lakeportv1.RollbackTransactionResponse{}, s.next()
		},
	}
	tx, err := server.start(t).Begin(t.Context(), "r", "main", nil)
	check(t, err)
	check(t, second(tx.Rollback(t.Context())))
	s.errors, s.calls = []error{refusal(codes.FailedPrecondition, lakeport.ReasonTransactionCommitting, 0)}, 0
	failed(t, second(tx.Rollback(t.Context())), codes.FailedPrecondition, lakeport.ReasonTransactionCommitting)
}

func TestDeletionIsRetriedAfterALossOnlyIfPathsMayBeMissing(t *testing.T) {
	s := fails(overloaded, away)
	server := &fake{remove: func(_ *lakeportv1.DeleteRequest, stream grpc.ServerStreamingServer[lakeportv1.DeleteResponse]) error {
		if err := stream.Send(&lakeportv1.DeleteResponse{DeletedCount: 1}); err != nil {
			return err
		}
		return s.next()
	}}
	files := server.start(t).Files("r", "main")
	_, err := files.Delete(t.Context(), "a", nil)
	failed(t, err, codes.Unavailable, lakeport.ReasonLakeFSUnavailable)
	equal(t, s.count(), 2)
	s.calls = 0
	allowed := &lakeport.DeleteOptions{AllowMissing: true}
	count, err := files.Delete(t.Context(), "a", allowed)
	check(t, err)
	equal(t, count, 1)
	equal(t, s.count(), 3)
	s.calls = 0
	check(t, second(files.DeletePaths(t.Context(), []string{"a"}, allowed)))
	equal(t, s.count(), 3)
}

func TestCopyThatBreaksStartsAgain(t *testing.T) {
	s := fails(away)
	server := &fake{copy: func(_ *lakeportv1.CopyRequest, stream grpc.ServerStreamingServer[lakeportv1.CopyResponse]) error {
		if err := stream.Send(&lakeportv1.CopyResponse{Paths: []string{"b"}}); err != nil {
			return err
		}
		return s.next()
	}}
	paths, err := server.start(t).Files("r", "main").Copy(t.Context(), "a", "b", nil)
	check(t, err)
	equal(t, len(paths), 1)
	equal(t, s.count(), 2)
}

func TestFailuresAreInOrder(t *testing.T) {
	server := &fake{remove: func(q *lakeportv1.DeleteRequest, stream grpc.ServerStreamingServer[lakeportv1.DeleteResponse]) error {
		for _, path := range slices.Backward(q.Paths) {
			refused := &lakeportv1.PathStatus{Path: path, Status: &rpcstatus.Status{Code: int32(codes.NotFound)}}
			if err := stream.Send(&lakeportv1.DeleteResponse{Failures: []*lakeportv1.PathStatus{refused}}); err != nil {
				return err
			}
		}
		return refusal(codes.FailedPrecondition, lakeport.ReasonPartialFailure, 0)
	}}
	_, err := server.start(t).Files("r", "main").DeletePaths(t.Context(), []string{"a", "b", "c"}, nil)
	failure := failed(t, err, codes.FailedPrecondition, lakeport.ReasonPartialFailure)
	for index, path := range []string{"a", "b", "c"} {
		equal(t, failure.Failures[index].Path, path)
	}
}

func TestRetriesRepeatTheKeyOfTheCall(t *testing.T) {
	s, keys := fails(away, refusal(codes.Unavailable, lakeport.ReasonRequestInProgress, 0)), map[string]bool{}
	server := &fake{
		merge: func(_ context.Context, q *lakeportv1.MergeRequest) (*lakeportv1.MergeResponse, error) {
			keys[q.RequestId] = true
			return &lakeportv1.MergeResponse{CommitId: "id"}, s.next()
		},
		begin: func(_ context.Context, q *lakeportv1.BeginTransactionRequest) (*lakeportv1.BeginTransactionResponse, error) {
			keys[q.TransactionId] = true
			return &lakeportv1.BeginTransactionResponse{}, s.next()
		},
	}
	client := server.start(t)
	check(t, second(client.Repository("r").Merge(t.Context(), "a", "b", nil)))
	equal(t, len(keys), 1)
	check(t, second(client.Repository("r").Merge(t.Context(), "a", "b", nil)))
	equal(t, len(keys), 2)
	s.errors, s.calls = []error{away}, 0
	check(t, second(client.Begin(t.Context(), "r", "main", nil)))
	equal(t, len(keys), 3)
	equal(t, keys[""], false)
}

func TestCommitIsRepeatedUntilItsOutcomeIsKnown(t *testing.T) {
	hung := make(chan struct{})
	s := fails(inDoubt, away, inDoubt, overloaded, inDoubt, inDoubt)
	server := &fake{
		begin: func(_ context.Context, q *lakeportv1.BeginTransactionRequest) (*lakeportv1.BeginTransactionResponse, error) {
			return &lakeportv1.BeginTransactionResponse{Transaction: &lakeport.TransactionInfo{TransactionId: q.TransactionId}}, nil
		},
		commit: func(ctx context.Context, q *lakeportv1.CommitTransactionRequest) (*lakeportv1.CommitTransactionResponse, error) {
			if s.count() == 0 {
				// The first attempt ends with its timeout.
				_ = s.next()
				close(hung)
				<-ctx.Done()
				return nil, ctx.Err()
			}
			return &lakeportv1.CommitTransactionResponse{Transaction: &lakeport.TransactionInfo{CommitId: "id"}}, s.next()
		},
	}
	tx, err := server.start(t, lakeport.WithTimeout(500*time.Millisecond)).Begin(t.Context(), "r", "main", nil)
	check(t, err)
	info, err := tx.Commit(t.Context(), nil)
	check(t, err)
	equal(t, info.CommitId, "id")
	equal(t, s.count(), 7)
	<-hung
}

func TestSilentServerFailsACallAtItsTimeout(t *testing.T) {
	ended := make(chan struct{})
	server := &fake{stat: func(ctx context.Context, _ *lakeportv1.StatRequest) (*lakeportv1.StatResponse, error) {
		<-ctx.Done()
		close(ended)
		return nil, ctx.Err()
	}}
	began := time.Now()
	err := stat(t, server.start(t, lakeport.WithTimeout(300*time.Millisecond)))
	equal(t, time.Since(began) < 1300*time.Millisecond, true)
	failed(t, err, codes.DeadlineExceeded, "")
	equal(t, errors.Is(err, context.DeadlineExceeded) && errors.Is(err, lakeport.ErrTimeout), true)
	<-ended
}

func TestLostConnectionIsUnavailable(t *testing.T) {
	for _, code := range []codes.Code{codes.Canceled, codes.Internal, codes.Unknown, codes.Unavailable} {
		s := fails(status.Error(code, "RST_STREAM"))
		check(t, stat(t, statting(s).start(t)))
		equal(t, s.count(), 2)
	}
	client := newClient(t, "grpc://127.0.0.1:1", lakeport.WithTimeout(time.Second))
	err := stat(t, client)
	failed(t, err, codes.Unavailable, "")
	equal(t, errors.Is(err, lakeport.ErrUnavailable), true)
}

func TestListingContinuesAfterALostConnection(t *testing.T) {
	server := &fake{list: func(q *lakeportv1.ListRequest, s grpc.ServerStreamingServer[lakeportv1.ListResponse]) error {
		// Each call sends one page, and breaks.
		number, _ := strconv.Atoi(q.PageToken)
		page := &lakeportv1.ListResponse{Entries: []*lakeport.FileInfo{{Path: strconv.Itoa(number)}}}
		if number == 5 {
			return s.Send(page)
		}
		page.NextPageToken = strconv.Itoa(number + 1)
		if err := s.Send(page); err != nil {
			return err
		}
		return away
	}}
	files := server.start(t).Files("r", "main")
	equal(t, paths(t, files, nil), "0 1 2 3 4 5")
	equal(t, paths(t, files, &lakeport.ListOptions{Limit: 3}), "0 1 2")
}

func TestBatchRequestsOnlyMissingResultsAgain(t *testing.T) {
	var sizes []int
	server := &fake{batchStat: func(q *lakeportv1.BatchStatRequest, s grpc.ServerStreamingServer[lakeportv1.BatchStatResponse]) error {
		sizes = append(sizes, len(q.Paths))
		last := len(q.Paths) - 1
		item := &lakeportv1.BatchStatItem{Index: int32(last), Info: &lakeport.FileInfo{Path: q.Paths[last]}}
		if err := s.Send(&lakeportv1.BatchStatResponse{Items: []*lakeportv1.BatchStatItem{item}}); err != nil || last == 0 {
			return err
		}
		return away
	}}
	results, err := server.start(t).Files("r", "main").BatchStat(t.Context(), []string{"a", "b", "c"})
	check(t, err)
	equal(t, len(sizes), 3)
	equal(t, sizes[2], 1)
	for _, result := range results {
		equal(t, result.Info.Path, result.Path)
	}
}

func TestWatchContinuesAtAnotherReplica(t *testing.T) {
	s := fails(nil, away, nil)
	server := &fake{
		begin: func(context.Context, *lakeportv1.BeginTransactionRequest) (*lakeportv1.BeginTransactionResponse, error) {
			return &lakeportv1.BeginTransactionResponse{}, nil
		},
		watch: func(_ *lakeportv1.WatchTransactionRequest, stream grpc.ServerStreamingServer[lakeportv1.WatchTransactionResponse]) error {
			failure := s.next()
			if err := stream.Send(&lakeport.WatchUpdate{Reconnect: s.count() == 1, QueuePosition: int32(s.count())}); err != nil {
				return err
			}
			return failure
		},
	}
	tx, err := server.start(t).Begin(t.Context(), "r", "main", nil)
	check(t, err)
	updates, err := collect(tx.Watch(t.Context()))
	check(t, err)
	equal(t, len(updates), 3)
}

func TestCompositionIsRepeatedWithItsKey(t *testing.T) {
	s, keys := fails(away, refusal(codes.Unavailable, lakeport.ReasonWriteInDoubt, 0)), map[string]bool{}
	server := &fake{compose: func(q *lakeportv1.ComposeRequest, stream grpc.ServerStreamingServer[lakeportv1.ComposeResponse]) error {
		keys[q.RequestId] = true
		if err := stream.Send(&lakeportv1.ComposeResponse{ComposedBytes: 1, Info: &lakeport.FileInfo{SizeBytes: 1}}); err != nil {
			return err
		}
		return s.next()
	}}
	info, err := server.start(t).Files("r", "main").Compose(t.Context(), "a", []string{"b"}, nil)
	check(t, err)
	equal(t, info.SizeBytes, 1)
	equal(t, len(keys), 1)
}

// receiveAll returns the messages of a write.
func receiveAll(s grpc.ClientStreamingServer[lakeportv1.WriteRequest, lakeportv1.WriteResponse]) ([]*lakeportv1.WriteRequest, error) {
	var messages []*lakeportv1.WriteRequest
	for {
		message, err := s.Recv()
		if errors.Is(err, io.EOF) {
			return messages, nil
		}
		if err != nil {
			return messages, err
		}
		messages = append(messages, message)
	}
}

func TestWriteOfBytesInMemoryIsRepeatedWithItsKey(t *testing.T) {
	s, keys := fails(away, overloaded, refusal(codes.Unavailable, lakeport.ReasonWriteInDoubt, 0)), map[string]bool{}
	server := &fake{write: func(stream grpc.ClientStreamingServer[lakeportv1.WriteRequest, lakeportv1.WriteResponse]) error {
		messages, err := receiveAll(stream)
		if err != nil {
			return err
		}
		keys[messages[0].WriteId] = true
		if err := s.next(); err != nil {
			return err
		}
		return stream.SendAndClose(&lakeportv1.WriteResponse{Info: &lakeport.FileInfo{SizeBytes: messages[0].GetSizeBytes()}})
	}}
	files := server.start(t).Files("r", "main")
	once := &lakeport.WriteOptions{CreateOnly: true}
	info, err := files.WriteAll(t.Context(), "a", noise(2<<20), once)
	check(t, err)
	equal(t, info.SizeBytes, 2<<20)
	equal(t, len(keys), 1)
	equal(t, keys[""], false)
	s.errors, s.calls = []error{away}, 0
	w := files.NewWriter(t.Context(), "a", nil)
	check(t, second(w.Write([]byte("small"))))
	check(t, w.Close())
	equal(t, w.Info().SizeBytes, 5)
	// The bytes of a large write are gone.
	s.errors, s.calls = []error{away}, 0
	w = files.NewWriter(t.Context(), "a", nil)
	check(t, second(w.Write(noise(2<<20))))
	failed(t, w.Close(), codes.Unavailable, lakeport.ReasonLakeFSUnavailable)
}

// A group of goroutines cancels the others with the error of the first. Their errors must not look like that error.
func TestCancellationDoesNotHaveTheErrorOfAnotherCall(t *testing.T) {
	hanging := &fake{
		stat: func(ctx context.Context, _ *lakeportv1.StatRequest) (*lakeportv1.StatResponse, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		},
		list: func(_ *lakeportv1.ListRequest, s grpc.ServerStreamingServer[lakeportv1.ListResponse]) error {
			<-s.Context().Done()
			return s.Context().Err()
		},
	}
	files := hanging.start(t).Files("r", "main")
	for _, other := range []error{&lakeport.Error{Code: codes.NotFound, Reason: lakeport.ReasonObjectNotFound}, io.EOF} {
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(50*time.Millisecond, func() { cancel(other) })
		_, err := files.Exists(ctx, "a")
		failed(t, err, codes.Canceled, "")
		equal(t, errors.Is(err, other), false)
		equal(t, errors.Is(err, context.Canceled), true)
		var listed error
		for _, err := range files.List(ctx, nil) {
			listed = err
		}
		failed(t, listed, codes.Canceled, "")
	}
}

func TestLossHasTheCodeOfTheErrorForGRPC(t *testing.T) {
	s := repeated(status.Error(codes.Unknown, "reset"), 9)
	err := stat(t, statting(s).start(t))
	failed(t, err, codes.Unavailable, "")
	equal(t, status.Code(err), codes.Unavailable)
}

// A keep-alive during a commit sees that the transaction is being committed. If the commit then fails, the scope still rolls back.
func TestScopeRollsBackWhateverItSawLast(t *testing.T) {
	const committing = lakeportv1.TransactionState_TRANSACTION_STATE_COMMITTING
	for _, seen := range []lakeportv1.TransactionState{committing, lakeportv1.TransactionState_TRANSACTION_STATE_EXPIRED} {
		commits, rollbacks := &script{errors: []error{refusal(codes.FailedPrecondition, lakeport.ReasonHookRejected, 0)}}, &script{}
		info := &lakeport.TransactionInfo{TransactionId: "t", State: seen}
		server := &fake{
			begin: func(context.Context, *lakeportv1.BeginTransactionRequest) (*lakeportv1.BeginTransactionResponse, error) {
				return &lakeportv1.BeginTransactionResponse{Transaction: info}, nil
			},
			commit: func(context.Context, *lakeportv1.CommitTransactionRequest) (*lakeportv1.CommitTransactionResponse, error) {
				return nil, commits.next()
			},
			rollback: func(context.Context, *lakeportv1.RollbackTransactionRequest) (*lakeportv1.RollbackTransactionResponse, error) {
				return &lakeportv1.RollbackTransactionResponse{Transaction: info}, rollbacks.next()
			},
		}
		work := func(context.Context, *lakeport.Transaction) error { return nil }
		_, err := server.start(t).WithTransaction(t.Context(), "r", "main", work)
		failed(t, err, codes.FailedPrecondition, lakeport.ReasonHookRejected)
		equal(t, commits.count(), 1)
		equal(t, rollbacks.count() > 0, seen == committing)
	}
}
