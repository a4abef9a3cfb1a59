package lakeport_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	lakeport "github.com/lakeport/lakeport/client/go"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
)

// certificate returns a certificate for 127.0.0.1, and the PEM file of its authority.
func certificate(t testing.TB) (tls.Certificate, string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(t, err)
	template := &x509.Certificate{
		SerialNumber:          big.NewInt(1),
		NotAfter:              time.Now().Add(time.Hour),
		IPAddresses:           []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA:                  true,
		BasicConstraintsValid: true,
	}
	signed, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	check(t, err)
	file := filepath.Join(t.TempDir(), "ca.pem")
	check(t, os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: signed}), 0o600))
	return tls.Certificate{Certificate: [][]byte{signed}, PrivateKey: key}, file
}

func TestTLSTrustsOnlyTheGivenAuthority(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	own, file := certificate(t)
	statting(fails()).serve(t, listener, credentials.NewServerTLSFromCert(&own))
	url := "grpcs://" + listener.Addr().String()
	check(t, stat(t, newClient(t, url, lakeport.WithCAFile(file))))
	_, other := certificate(t)
	short := lakeport.WithTimeout(2 * time.Second)
	failed(t, stat(t, newClient(t, url, short, lakeport.WithCAFile(other))), codes.Unavailable, "")
	failed(t, stat(t, newClient(t, url, short)), codes.Unavailable, "")
}

func TestUnixSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a b%20.sock")
	listener, err := net.Listen("unix", path)
	check(t, err)
	statting(fails()).serve(t, listener, nil)
	check(t, stat(t, newClient(t, "unix:"+path)))
}
