// Package lakeport is the client of lakeport: files, transactions and versions of lakeFS over gRPC.
//
// [NewClient] creates a client of one server. [Client.Files] returns the objects of a branch, tag or commit:
//
//	client, err := lakeport.NewClient("grpc://127.0.0.1:50051")
//	if err != nil {
//		return err
//	}
//	defer client.Close()
//	data, err := client.Files("quickstart", "main").ReadAll(ctx, "data/penguins.csv", nil)
//
// [Client.WithTransaction] publishes many changes together, or none:
//
//	_, err = client.WithTransaction(ctx, "quickstart", "main", func(ctx context.Context, tx *lakeport.Transaction) error {
//		_, err := tx.WriteAll(ctx, "a.txt", []byte("hello"), nil)
//		return err
//	}, &lakeport.CommitOptions{Message: "Add a.txt"})
//
// # Options
//
// Options are pointers to structs. nil and zero values select the defaults.
//
// # Errors
//
// Every failed call returns an [*Error]. It has the status code and the [Reason] of the server. [errors.Is] matches a reason
// ([ReasonMergeConflict]), a kind of failure ([ErrConflict]), and the errors of the standard library with the same meaning:
// [io/fs.ErrNotExist], [io/fs.ErrExist], [io/fs.ErrPermission], [context.Canceled] and [context.DeadlineExceeded].
//
// # Retries and timeouts
//
// The client retries calls that are safe to repeat if the server is unavailable: at most four attempts, with exponential
// back-off, and never earlier than the server asks for. A call that an overloaded server rejected had no effect, so the client
// waits and repeats it. A download continues at the next byte of the same version.
//
// A call with a single response ends within the timeout of the client ([WithTimeout]; default: 60 s), with all its retries.
// For uploads, downloads and listings, the timeout is the time without progress by the server. The deadline of the context
// applies as well.
//
// # Generated code
//
// Package [github.com/lakeport/lakeport/client/go/lakeportv1] has the messages and stubs of the contract. The types of this
// package that describe objects, commits and so on are aliases of its messages. [Client.Conn] is a connection for its stubs.
package lakeport
