package lakeport

import (
	"context"
	"io"

	"github.com/lakeport/lakeport/client/go/lakeportv1"
)

// ComposeOptions are properties and preconditions of a composition.
type ComposeOptions struct {
	// ContentType is the MIME type of the destination. Empty: the server guesses it from the path.
	ContentType string
	// Metadata is the user metadata of the destination.
	Metadata map[string]string
	// CreateOnly makes the call fail with [ReasonObjectExists] if the destination exists.
	CreateOnly bool
	// Size is the expected size of the destination in bytes. If it differs, the call fails with [ReasonWriteIncomplete].
	Size *int64
	// CRC32C is the expected checksum of the destination. If it differs, the call fails with [ReasonChecksumMismatch].
	CRC32C *uint32
	// SourceRef is the ref of the sources. Empty: the branch or transaction of the destination.
	SourceRef string
	// SourceTransactionID is the transaction of the sources. Must be empty with SourceRef.
	SourceTransactionID string
	// DeleteSources deletes the sources after the destination is stored.
	DeleteSources bool
	// RequestID is the idempotency key: [A-Za-z0-9_-]{1,64}. A second call with the same key and options composes nothing and
	// succeeds if the first one did. Empty: a random key, which makes the retries of this call safe.
	RequestID string
	// Progress is called with the number of bytes composed so far. After a retry, it starts again at 0. nil: not called.
	Progress func(composedBytes int64)
}

// Compose concatenates 1 to 10,000 objects, in order, into one. The destination appears complete, or not at all.
//
// It fails with [ReasonObjectNotFound] if a source does not exist; with [ReasonObjectChanged] if a source changed while it
// was read; with [ReasonPartialFailure] if the destination is stored and some sources could not be deleted: call again with
// the same RequestID.
func (f *Files) Compose(ctx context.Context, path string, sources []string, options *ComposeOptions) (*FileInfo, error) {
	if options == nil {
		options = &ComposeOptions{}
	}
	request := f.composeRequest(path, sources, options)
	clock := newProgress(f.client.timeout)
	return repeat(ctx, idempotent, clock, func() (*FileInfo, error) {
		clock.made()
		return f.composeOnce(ctx, request, clock, options.Progress)
	})
}

func (f *Files) composeRequest(path string, sources []string, options *ComposeOptions) *lakeportv1.ComposeRequest {
	request := &lakeportv1.ComposeRequest{
		Repository:          f.place.repository,
		Ref:                 f.place.ref,
		TransactionId:       f.place.transactionID,
		Path:                path,
		ContentType:         options.ContentType,
		Metadata:            options.Metadata,
		SizeBytes:           options.Size,
		ObjectCrc32C:        options.CRC32C,
		SourcePaths:         sources,
		SourceRef:           options.SourceRef,
		SourceTransactionId: options.SourceTransactionID,
		DeleteSources:       options.DeleteSources,
		RequestId:           firstNonEmpty(options.RequestID, randomID()),
	}
	if options.CreateOnly {
		request.IfNoneMatch = createOnly
	}
	return request
}

func (f *Files) composeOnce(
	ctx context.Context, request *lakeportv1.ComposeRequest, clock *progress, report func(int64),
) (*FileInfo, error) {
	stream, err := openOnce(ctx, f.client, clock, f.client.files.Compose, request)
	if err != nil {
		return nil, err
	}
	defer stream.close()
	var info *FileInfo
	for {
		message, err := stream.next()
		switch {
		case err == io.EOF && info == nil:
			return nil, badResponse("the response to Compose has no object")
		case err == io.EOF:
			return info, nil
		case err != nil:
			return nil, err
		}
		if report != nil {
			report(message.ComposedBytes)
		}
		info = message.Info
	}
}
