package lakeport

import (
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/keepalive"
)

const (
	// streamWindow is fixed: gRPC's dynamic window starts at 64 KiB and halves the throughput of short downloads.
	streamWindow = 16 << 20
	// connectionWindow is larger, so that a stream that is not read does not block a second one.
	connectionWindow = 32 << 20
	// bufferBytes is the size of the buffers between gRPC and the connection. Larger than the default, for fewer system calls.
	bufferBytes = 128 << 10

	// A connection that dies silently is detected after the sum of these times, which is below the default timeout of a call.
	keepAliveTime    = 30 * time.Second
	keepAliveTimeout = 10 * time.Second

	connectTimeout = 5 * time.Second

	userAgent = "lakeport-go/0.1.0"
)

// reconnect tries again early: the next attempt of a call should reach a restarted server.
var reconnect = backoff.Config{BaseDelay: 100 * time.Millisecond, Multiplier: 1.6, Jitter: 0.2, MaxDelay: 5 * time.Second}

// connect returns a connection, which is established on first use.
func connect(server endpoint, credentials Credentials, settings settings) (*grpc.ClientConn, error) {
	transport, err := settings.transportCredentials(server)
	if err != nil {
		return nil, err
	}
	options := []grpc.DialOption{
		grpc.WithTransportCredentials(transport),
		grpc.WithUserAgent(userAgent),
		grpc.WithStaticStreamWindowSize(streamWindow),
		grpc.WithStaticConnWindowSize(connectionWindow),
		grpc.WithReadBufferSize(bufferBytes),
		grpc.WithWriteBufferSize(bufferBytes),
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: keepAliveTime, Timeout: keepAliveTimeout}),
		grpc.WithConnectParams(grpc.ConnectParams{Backoff: reconnect, MinConnectTimeout: connectTimeout}),
		// This package retries: gRPC's retries know neither the reasons nor the keys of a request.
		grpc.WithDisableRetry(),
		// A service config in DNS would turn them on again.
		grpc.WithDisableServiceConfig(),
	}
	if credentials.header != nil {
		options = append(options, grpc.WithPerRPCCredentials(perCall{*credentials.header}))
	}
	if server.isLoopback {
		options = append(options, grpc.WithNoProxy())
	}
	connection, err := grpc.NewClient(server.target, append(options, settings.dialOptions...)...)
	if err != nil {
		return nil, invalid("cannot connect to %s: %v", server.name, err).withCause(err)
	}
	return connection, nil
}
