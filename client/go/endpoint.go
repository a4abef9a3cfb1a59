package lakeport

import (
	"net"
	"net/netip"
	"net/url"
	"os"
	"strconv"
	"strings"
)

// endpointVariable is the environment variable with the URL of the server.
const endpointVariable = "LAKEPORT_ENDPOINT"

const (
	plaintextPort = "50051"
	encryptedPort = "443"
)

// endpoint is the address of a server.
type endpoint struct {
	// target is the address in the format of gRPC.
	target string
	// name is the URL, for messages.
	name       string
	encrypted  bool
	isLoopback bool
}

// findEndpoint parses the URL of a server. If the URL is empty, it uses the environment.
func findEndpoint(text string) (endpoint, error) {
	if text != "" {
		return parseEndpoint(text, "the endpoint")
	}
	if text = os.Getenv(endpointVariable); text != "" {
		return parseEndpoint(text, endpointVariable)
	}
	return endpoint{}, invalid("no lakeport server is configured: pass an endpoint such as grpc://127.0.0.1:50051, or set %s",
		endpointVariable)
}

// parseEndpoint parses a URL. source says where it comes from.
func parseEndpoint(text, source string) (endpoint, error) {
	if path, found := strings.CutPrefix(text, "unix:"); found {
		return parseSocket(text, strings.TrimPrefix(path, "//"), source)
	}
	scheme, _, found := strings.Cut(text, "://")
	if !found {
		return endpoint{}, badEndpoint(text, source, "it must begin with a scheme, such as grpc://")
	}
	port, encrypted := plaintextPort, false
	switch strings.ToLower(scheme) {
	case "grpc", "http":
	case "grpcs", "https":
		port, encrypted = encryptedPort, true
	default:
		return endpoint{}, badEndpoint(text, source, "its scheme must be grpc, grpcs, http, https or unix")
	}
	// The error of the parser quotes the URL, which may contain a secret.
	parsed, err := url.Parse(text)
	if err != nil {
		return endpoint{}, badEndpoint(text, source, "expected grpc://HOST:PORT, or grpcs:// for TLS")
	}
	switch {
	case parsed.User != nil:
		return endpoint{}, badEndpoint(text, source, "pass the credentials as an option, not in the URL")
	case parsed.Hostname() == "":
		return endpoint{}, badEndpoint(text, source, "it has no host")
	case strings.Trim(parsed.Path, "/") != "" || parsed.RawQuery != "" || parsed.Fragment != "":
		return endpoint{}, badEndpoint(text, source, "only a host and a port may follow the scheme")
	}
	if parsed.Port() != "" {
		port = parsed.Port()
	}
	if number, err := strconv.ParseUint(port, 10, 16); err != nil || number == 0 {
		return endpoint{}, badEndpoint(text, source, "its port must be a number from 1 to 65535")
	}
	address := net.JoinHostPort(parsed.Hostname(), port)
	return endpoint{
		target:     "dns:///" + address,
		name:       endpointName(address, encrypted),
		encrypted:  encrypted,
		isLoopback: isLoopback(parsed.Hostname()),
	}, nil
}

func parseSocket(text, path, source string) (endpoint, error) {
	if len(path) < 2 || path[0] != '/' {
		return endpoint{}, badEndpoint(text, source, "the path of a Unix socket must be absolute")
	}
	target := url.URL{Scheme: "unix", Path: path}
	return endpoint{target: target.String(), name: "unix:" + path, isLoopback: true}, nil
}

func endpointName(address string, encrypted bool) string {
	if encrypted {
		return "grpcs://" + address
	}
	return "grpc://" + address
}

func isLoopback(host string) bool {
	if address, err := netip.ParseAddr(host); err == nil {
		return address.IsLoopback()
	}
	return strings.EqualFold(host, "localhost")
}

func badEndpoint(text, source, why string) error {
	return invalid("%s %q is not the URL of a lakeport server: %s", source, redacted(text), why)
}

// redacted removes the parts of a URL that may be secrets: those before the host and after the path.
func redacted(text string) string {
	if end := strings.IndexAny(text, "?#"); end >= 0 {
		text = text[:end] + "…"
	}
	if at := strings.LastIndexByte(text, '@'); at >= 0 {
		return "…" + text[at:]
	}
	return text
}
