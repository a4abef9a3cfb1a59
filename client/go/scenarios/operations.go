package scenarios

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"

	lakeport "github.com/lakeport/lakeport/client/go"
	"github.com/lakeport/lakeport/client/go/lakeportv1"
)

// operations are the operations of a client.
type operations struct {
	client *lakeport.Client
	runner *runner
}

// operation runs a step with its arguments.
type operation func(ctx context.Context, step fields) (fields, error)

// call runs the operation of a step.
func (o *operations) call(ctx context.Context, step fields) (fields, error) {
	name := text(step, "do")
	for _, known := range []map[string]operation{o.fileOperations(), o.transactionOperations(), o.versionOperations()} {
		if run, found := known[name]; found {
			return run(ctx, step)
		}
	}
	return nil, fmt.Errorf("this client has no %s", name)
}

// files returns the location of a step.
func (o *operations) files(step fields) *lakeport.Files {
	if id, found := transactionID(step); found {
		return o.client.TransactionFiles(id)
	}
	return o.client.Files(o.runner.sandbox.Repository, ref(step))
}

// repository returns the repository of the sandbox.
func (o *operations) repository() *lakeport.Repository {
	return o.client.Repository(o.runner.sandbox.Repository)
}

// handle returns a transaction without a request for its state, which would count as a call.
func (o *operations) handle(id string) *lakeport.Transaction {
	return &lakeport.Transaction{Files: o.client.TransactionFiles(id)}
}

func ref(step fields) string {
	return textOr(step, "at", "main")
}

// transactionID returns the ID if a step is inside a transaction.
func transactionID(step fields) (string, bool) {
	return strings.CutPrefix(ref(step), "tx:")
}

// file returns the description of a file.
func file(info *lakeport.FileInfo) fields {
	return fields{
		"path":         info.GetPath(),
		"size":         int(info.GetSizeBytes()),
		"etag":         info.GetEtag(),
		"content_type": info.GetContentType(),
		"metadata":     textFields(info.GetMetadata()),
	}
}

// described applies describe to the result of a call that succeeded.
func described[T any](found T, err error, describe func(T) fields) (fields, error) {
	if err != nil {
		return nil, err
	}
	return describe(found), nil
}

// collected returns a field with a value of each item.
func collected[T any](name string, items iter.Seq2[T, error], value func(T) any) (fields, error) {
	found := []any{}
	for item, err := range items {
		if err != nil {
			return nil, err
		}
		found = append(found, value(item))
	}
	return fields{name: found}, nil
}

func changes(items iter.Seq2[*lakeport.PathChange, error]) (fields, error) {
	return collected("changes", items, func(change *lakeport.PathChange) any {
		kind := strings.ToLower(strings.TrimPrefix(change.Kind.String(), "KIND_"))
		return fields{"path": change.Path, "change": kind}
	})
}

// reason describes the error of one item.
func reason(err error) fields {
	var failure *lakeport.Error
	if errors.As(err, &failure) {
		return fields{"reason": string(failure.Reason)}
	}
	return fields{"error": err.Error()}
}

func strategy(step fields) lakeport.MergeStrategy {
	return lakeport.MergeStrategy(lakeportv1.MergeStrategy_value["MERGE_STRATEGY_"+text(step, "strategy")])
}
