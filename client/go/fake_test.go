package lakeport_test

import (
	"context"
	"net"
	"sync"
	"testing"
	"time"

	lakeport "github.com/lakeport/lakeport/client/go"
	"github.com/lakeport/lakeport/client/go/lakeportv1"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"
)

// fake is a server whose responses a test chooses.
type fake struct {
	lakeportv1.UnimplementedFileServiceServer
	lakeportv1.UnimplementedTransactionServiceServer
	lakeportv1.UnimplementedVersionServiceServer

	stat      func(context.Context, *lakeportv1.StatRequest) (*lakeportv1.StatResponse, error)
	read      func(*lakeportv1.ReadRequest, grpc.ServerStreamingServer[lakeportv1.ReadResponse]) error
	write     func(grpc.ClientStreamingServer[lakeportv1.WriteRequest, lakeportv1.WriteResponse]) error
	list      func(*lakeportv1.ListRequest, grpc.ServerStreamingServer[lakeportv1.ListResponse]) error
	remove    func(*lakeportv1.DeleteRequest, grpc.ServerStreamingServer[lakeportv1.DeleteResponse]) error
	copy      func(*lakeportv1.CopyRequest, grpc.ServerStreamingServer[lakeportv1.CopyResponse]) error
	batchRead func(*lakeportv1.BatchReadRequest, grpc.ServerStreamingServer[lakeportv1.BatchReadResponse]) error
	batchStat func(*lakeportv1.BatchStatRequest, grpc.ServerStreamingServer[lakeportv1.BatchStatResponse]) error
	compose   func(*lakeportv1.ComposeRequest, grpc.ServerStreamingServer[lakeportv1.ComposeResponse]) error
	begin     func(context.Context, *lakeportv1.BeginTransactionRequest) (*lakeportv1.BeginTransactionResponse, error)
	commit    func(context.Context, *lakeportv1.CommitTransactionRequest) (*lakeportv1.CommitTransactionResponse, error)
	rollback  func(context.Context, *lakeportv1.RollbackTransactionRequest) (*lakeportv1.RollbackTransactionResponse, error)
	watch     func(*lakeportv1.WatchTransactionRequest, grpc.ServerStreamingServer[lakeportv1.WatchTransactionResponse]) error
	merge     func(context.Context, *lakeportv1.MergeRequest) (*lakeportv1.MergeResponse, error)
}

func (f *fake) Stat(ctx context.Context, q *lakeportv1.StatRequest) (*lakeportv1.StatResponse, error) {
	return f.stat(ctx, q)
}

func (f *fake) Read(q *lakeportv1.ReadRequest, s grpc.ServerStreamingServer[lakeportv1.ReadResponse]) error {
	return f.read(q, s)
}

func (f *fake) Write(s grpc.ClientStreamingServer[lakeportv1.WriteRequest, lakeportv1.WriteResponse]) error {
	return f.write(s)
}

func (f *fake) List(q *lakeportv1.ListRequest, s grpc.ServerStreamingServer[lakeportv1.ListResponse]) error {
	return f.list(q, s)
}

func (f *fake) Delete(q *lakeportv1.DeleteRequest, s grpc.ServerStreamingServer[lakeportv1.DeleteResponse]) error {
	return f.remove(q, s)
}

func (f *fake) Copy(q *lakeportv1.CopyRequest, s grpc.ServerStreamingServer[lakeportv1.CopyResponse]) error {
	return f.copy(q, s)
}

func (f *fake) BatchRead(q *lakeportv1.BatchReadRequest, s grpc.ServerStreamingServer[lakeportv1.BatchReadResponse]) error {
	return f.batchRead(q, s)
}

func (f *fake) BatchStat(q *lakeportv1.BatchStatRequest, s grpc.ServerStreamingServer[lakeportv1.BatchStatResponse]) error {
	return f.batchStat(q, s)
}

func (f *fake) Compose(q *lakeportv1.ComposeRequest, s grpc.ServerStreamingServer[lakeportv1.ComposeResponse]) error {
	return f.compose(q, s)
}

func (f *fake) BeginTransaction(
	ctx context.Context, q *lakeportv1.BeginTransactionRequest,
) (*lakeportv1.BeginTransactionResponse, error) {
	return f.begin(ctx, q)
}

func (f *fake) CommitTransaction(
	ctx context.Context, q *lakeportv1.CommitTransactionRequest,
) (*lakeportv1.CommitTransactionResponse, error) {
	return f.commit(ctx, q)
}

func (f *fake) RollbackTransaction(
	ctx context.Context, q *lakeportv1.RollbackTransactionRequest,
) (*lakeportv1.RollbackTransactionResponse, error) {
	return f.rollback(ctx, q)
}

func (f *fake) WatchTransaction(
	q *lakeportv1.WatchTransactionRequest, s grpc.ServerStreamingServer[lakeportv1.WatchTransactionResponse],
) error {
	return f.watch(q, s)
}

func (f *fake) Merge(ctx context.Context, q *lakeportv1.MergeRequest) (*lakeportv1.MergeResponse, error) {
	return f.merge(ctx, q)
}

// start starts the server, and returns a client without credentials.
func (f *fake) start(t testing.TB, options ...lakeport.Option) *lakeport.Client {
	t.Helper()
	return f.startAs(t, append([]lakeport.Option{lakeport.WithCredentials(lakeport.Anonymous())}, options...)...)
}

// startAs starts the server, and returns a client that finds its credentials.
func (f *fake) startAs(t testing.TB, options ...lakeport.Option) *lakeport.Client {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	f.serve(t, listener, nil)
	client, err := lakeport.NewClient("grpc://"+listener.Addr().String(), options...)
	check(t, err)
	t.Cleanup(func() { check(t, client.Close()) })
	return client
}

// serve serves the connections of a listener, with TLS if there are credentials.
func (f *fake) serve(t testing.TB, listener net.Listener, transport credentials.TransportCredentials) {
	t.Helper()
	server := grpc.NewServer(grpc.Creds(transport))
	lakeportv1.RegisterFileServiceServer(server, f)
	lakeportv1.RegisterTransactionServiceServer(server, f)
	lakeportv1.RegisterVersionServiceServer(server, f)
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(server.Stop)
}

// refusal is an error as lakeport sends it.
func refusal(code codes.Code, reason lakeport.Reason, delay time.Duration) error {
	refused := status.New(code, "no")
	detailed, err := refused.WithDetails(&errdetails.ErrorInfo{Reason: string(reason), Domain: "lakeport.dev"})
	if err == nil && delay > 0 {
		detailed, err = detailed.WithDetails(&errdetails.RetryInfo{RetryDelay: durationpb.New(delay)})
	}
	if err != nil {
		panic(err)
	}
	return detailed.Err()
}

// script returns an error for each call, and nil after the last one.
type script struct {
	mutex  sync.Mutex
	errors []error
	calls  int
}

func fails(errors ...error) *script {
	return &script{errors: errors}
}

func (s *script) next() error {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.calls++
	if s.calls > len(s.errors) {
		return nil
	}
	return s.errors[s.calls-1]
}

func (s *script) count() int {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.calls
}

// repeated is an error several times.
func repeated(err error, count int) *script {
	s := &script{}
	for range count {
		s.errors = append(s.errors, err)
	}
	return s
}

// await waits until a condition holds.
func await(t testing.TB, what string, holds func() bool) {
	t.Helper()
	until := time.Now().Add(10 * time.Second)
	for !holds() {
		if time.Now().After(until) {
			t.Fatalf("%s did not happen in time", what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}
