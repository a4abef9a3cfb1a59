package lakeport

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/lakeport/lakeport/client/go/lakeportv1"
)

// DeleteOptions are the options of a deletion.
type DeleteOptions struct {
	// Recursive also deletes all objects with the prefix path/. If the path ends with /, it deletes all objects with this prefix.
	Recursive bool
	// AllowMissing makes the deletion of a missing object succeed. The client can then repeat the deletion after a lost
	// connection.
	AllowMissing bool
}

// Delete deletes an object, or a tree of objects. It returns the number of deleted objects, which includes missing ones with
// AllowMissing. If the client repeats the deletion of a tree, the number is that of the last attempt.
//
// It fails with [ReasonObjectNotFound] if there is nothing to delete. If some objects of a tree could not be deleted, it fails
// with [ReasonPartialFailure]: [Error.Failures] has the path and the error of each.
func (f *Files) Delete(ctx context.Context, path string, options *DeleteOptions) (int64, error) {
	request := f.deleteRequest(options)
	request.Path = path
	return f.delete(ctx, request)
}

// DeletePaths deletes objects, in as few calls as possible. Of the options, it uses AllowMissing. It returns the number of
// deleted objects. If some could not be deleted, it deletes the others, and fails with [ReasonPartialFailure] as
// [Files.Delete] does.
func (f *Files) DeletePaths(ctx context.Context, paths []string, options *DeleteOptions) (int64, error) {
	deleted, failures := int64(0), []PathFailure(nil)
	var partial *Error
	for _, batch := range splitPaths(paths) {
		request := f.deleteRequest(&DeleteOptions{AllowMissing: options != nil && options.AllowMissing})
		request.Paths = paths[batch.from:batch.to]
		count, err := f.delete(ctx, request)
		deleted += count
		if errors.Is(err, ReasonPartialFailure) {
			partial = asError(err)
			failures = append(failures, partial.Failures...)
		} else if err != nil {
			return deleted, withFailures(err, failures)
		}
	}
	if partial == nil {
		return deleted, nil
	}
	if len(paths) > maxBatchItems {
		// The server counted the paths of one batch.
		partial.Message = fmt.Sprintf("%d of %d paths could not be deleted", len(failures), len(paths))
		partial.Metadata = nil
	}
	return deleted, withFailures(partial, failures)
}

func (f *Files) deleteRequest(options *DeleteOptions) *lakeportv1.DeleteRequest {
	if options == nil {
		options = &DeleteOptions{}
	}
	return &lakeportv1.DeleteRequest{
		Repository:    f.place.repository,
		Ref:           f.place.ref,
		TransactionId: f.place.transactionID,
		Recursive:     options.Recursive,
		AllowMissing:  options.AllowMissing,
	}
}

func (f *Files) delete(ctx context.Context, request *lakeportv1.DeleteRequest) (int64, error) {
	policy := once
	if request.AllowMissing {
		// The objects that the first attempt deleted do not make the second one fail.
		policy = idempotent
	}
	return whole(ctx, f.client, policy, f.client.files.Delete, request, countDeleted)
}

func countDeleted(responses iter.Seq2[*lakeportv1.DeleteResponse, error]) (int64, error) {
	deleted, failures := int64(0), []PathFailure(nil)
	for message, err := range responses {
		if err != nil {
			return deleted, withFailures(err, failures)
		}
		deleted = message.DeletedCount
		failures = appendFailures(failures, message.Failures)
	}
	return deleted, nil
}

// CopyOptions are the options of a copy.
type CopyOptions struct {
	// Recursive also copies all objects with the prefix source/. destination replaces source at the start of each path.
	Recursive bool
	// SourceRef is the ref of the source. Empty: the branch or transaction of the destination.
	SourceRef string
	// SourceRepository is the repository of the source. It needs a SourceRef. Empty: the repository of the destination. From
	// another repository, the bytes pass through the server.
	SourceRepository string
}

// Copy copies an object or a tree of objects to a path, with content type and user metadata, without transferring bytes to this
// client. It returns the paths of the copies.
//
// It fails with [ReasonObjectNotFound] if there is nothing to copy; with [ErrInvalid] if source and destination overlap; with
// [ReasonPartialFailure] if some objects could not be copied: [Error.Failures] has the source and the error of each.
func (f *Files) Copy(ctx context.Context, source, destination string, options *CopyOptions) ([]string, error) {
	if options == nil {
		options = &CopyOptions{}
	}
	request := &lakeportv1.CopyRequest{
		Repository:       f.place.repository,
		Ref:              f.place.ref,
		TransactionId:    f.place.transactionID,
		Path:             destination,
		SourcePath:       source,
		SourceRef:        options.SourceRef,
		SourceRepository: options.SourceRepository,
		Recursive:        options.Recursive,
	}
	return whole(ctx, f.client, idempotent, f.client.files.Copy, request, collectPaths)
}

// MoveOptions are the options of a move.
type MoveOptions struct {
	// Recursive also moves all objects with the prefix source/. destination replaces source at the start of each path.
	Recursive bool
}

// Move copies an object or a tree of objects, as [Files.Copy], and then deletes the sources. If a copy fails, it deletes no
// source. It returns the new paths. The errors are those of [Files.Copy]; a source that changed after it was copied is not
// deleted, and fails with [ReasonObjectChanged].
func (f *Files) Move(ctx context.Context, source, destination string, options *MoveOptions) ([]string, error) {
	request := &lakeportv1.MoveRequest{
		Repository:    f.place.repository,
		Ref:           f.place.ref,
		TransactionId: f.place.transactionID,
		Path:          destination,
		SourcePath:    source,
		Recursive:     options != nil && options.Recursive,
	}
	return whole(ctx, f.client, once, f.client.files.Move, request, collectPaths)
}

// pathsMessage is a response of Copy or Move.
type pathsMessage interface {
	GetPaths() []string
	GetFailures() []*lakeportv1.PathStatus
}

// collectPaths reads a response to its end: a stream that is not read to its end shows no error.
func collectPaths[M pathsMessage](responses iter.Seq2[M, error]) ([]string, error) {
	var paths []string
	var failures []PathFailure
	for message, err := range responses {
		if err != nil {
			return paths, withFailures(err, failures)
		}
		paths = append(paths, message.GetPaths()...)
		failures = appendFailures(failures, message.GetFailures())
	}
	return paths, nil
}

func appendFailures(failures []PathFailure, more []*lakeportv1.PathStatus) []PathFailure {
	for _, failure := range more {
		failures = append(failures, PathFailure{Path: failure.Path, Err: itemError(failure.Status)})
	}
	return failures
}

// withFailures adds the failed paths, which the messages before the error named, to the error. The server sends them in the order
// in which they fail.
func withFailures(err error, failures []PathFailure) error {
	if failure := asError(err); failure != nil {
		slices.SortFunc(failures, func(a, b PathFailure) int { return strings.Compare(a.Path, b.Path) })
		failure.Failures = failures
	}
	return err
}
