package languages

import (
	"crypto/rand"
	"os"
	"strings"
	"testing"

	lakeport "github.com/lakeport/lakeport/client/go/lakeportv1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
)

// A server with a new repository for one test.
type server struct {
	files        lakeport.FileServiceClient
	transactions lakeport.TransactionServiceClient
	versions     lakeport.VersionServiceClient
	repository   string
}

// Connects to the server at LAKEPORT_TEST_ADDRESS with the service config of the contract, and creates a repository.
func connect(t *testing.T) server {
	t.Helper()
	address := os.Getenv("LAKEPORT_TEST_ADDRESS")
	if address == "" {
		t.Fatal("LAKEPORT_TEST_ADDRESS is not set")
	}
	config, err := os.ReadFile("../../../proto/lakeport/v1/service_config.json")
	if err != nil {
		t.Fatal(err)
	}
	connection, err := grpc.NewClient(
		address,
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultServiceConfig(string(config)),
	)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { connection.Close() })
	s := server{
		files:        lakeport.NewFileServiceClient(connection),
		transactions: lakeport.NewTransactionServiceClient(connection),
		versions:     lakeport.NewVersionServiceClient(connection),
		repository:   "go-" + strings.ToLower(rand.Text()),
	}
	created, err := s.versions.CreateRepository(t.Context(), &lakeport.CreateRepositoryRequest{Repository: s.repository})
	if err != nil {
		t.Fatal(err)
	}
	if name := created.Repository.Name; name != s.repository {
		t.Fatalf("created repository %q instead of %q", name, s.repository)
	}
	return s
}
