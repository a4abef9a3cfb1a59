package lakeport_test

import (
	"io"
	"math"
	"net"
	"sync/atomic"
	"testing"
	"time"

	lakeport "github.com/lakeport/lakeport/client/go"
	"github.com/lakeport/lakeport/client/go/internal/testserver"
	"google.golang.org/grpc/codes"
)

// cut is the number of bytes after which a proxy cuts a connection. 0: never.
type cut struct {
	fromServer, fromClient int64
}

// proxy forwards connections to a server, and cuts them.
type proxy struct {
	address string
	cuts    atomic.Int64
}

// startProxy cuts each connection.
func startProxy(t testing.TB, target string, after cut) *proxy {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	p := &proxy{address: listener.Addr().String()}
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			go p.forward(client, target, after)
		}
	}()
	return p
}

func (p *proxy) forward(client net.Conn, target string, after cut) {
	defer client.Close()
	server, err := net.Dial("tcp", target)
	if err != nil {
		return
	}
	defer server.Close()
	ended := make(chan struct{}, 2)
	transfer := func(to, from net.Conn, limit int64) {
		if limit == 0 {
			limit = math.MaxInt64
		}
		if _, err := io.CopyN(to, from, limit); err == nil {
			p.cuts.Add(1)
		}
		ended <- struct{}{}
	}
	go transfer(client, server, after.fromServer)
	go transfer(server, client, after.fromClient)
	<-ended
}

func TestReadSurvivesCutConnections(t *testing.T) {
	l := newLake(t)
	data := noise(16 << 20)
	check(t, second(l.main.WriteAll(t.Context(), "a", data, nil)))
	p := startProxy(t, testserver.Address(t), cut{fromServer: 5 << 20})
	through := newClient(t, "grpc://"+p.address).Files(l.repository.Name(), "main")
	found, err := through.ReadAll(t.Context(), "a", nil)
	check(t, err)
	equal(t, string(found) == string(data), true)
	equal(t, p.cuts.Load() >= 3, true)
}

func TestCutWritePublishesNothing(t *testing.T) {
	l := newLake(t)
	p := startProxy(t, testserver.Address(t), cut{fromClient: 3 << 20})
	through := newClient(t, "grpc://"+p.address, lakeport.WithTimeout(10*time.Second))
	_, err := through.Files(l.repository.Name(), "main").WriteAll(t.Context(), "a", noise(16<<20), nil)
	failed(t, err, codes.Unavailable, "")
	exists, err := l.main.Exists(t.Context(), "a")
	check(t, err)
	equal(t, exists, false)
}
