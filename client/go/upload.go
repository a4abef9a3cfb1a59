package lakeport

import (
	"context"
	"errors"
	"sync"
	"time"

	"google.golang.org/grpc/codes"
)

const (
	defaultPartBytes   = 64 << 20
	defaultParallelism = 4
	defaultRetryFor    = 5 * time.Minute
	// uploadKeepAlive is the time between the calls that keep the destination open: an idle timeout is at least 10 s.
	uploadKeepAlive = 4 * time.Second
	// deletePartsTime limits the rollback that deletes the parts. After it, their transaction expires by itself.
	deletePartsTime = 30 * time.Second
)

// UploadOptions are the options of a resumable upload.
type UploadOptions struct {
	// ResumeID continues the upload with this ID, with the same file and the same destination. Empty: a new upload.
	ResumeID string
	// ContentType is the MIME type. Empty: the server guesses it from the path.
	ContentType string
	// Metadata is the user metadata.
	Metadata map[string]string
	// CreateOnly makes the upload fail with [ReasonObjectExists] if the object exists.
	CreateOnly bool
	// PartBytes is the size of a part. It is larger if the file would have more than 10,000 parts. A resumed upload keeps its
	// size. 0: 64 MiB.
	PartBytes int64
	// Parallelism is the number of parts that are sent at the same time. 0: 4.
	Parallelism int
	// RetryFor is the maximum time for the pauses between the attempts of one call while the server is unavailable. 0: 5 min.
	RetryFor time.Duration
	// Progress is called after each change, one call at a time. nil: not called.
	Progress func(UploadProgress)
}

// Upload is a resumable upload of a local file. Nothing is visible at the destination before the upload is complete.
//
// The parts of the file are objects of a transaction, from which the server composes the object. If the process ends before
// [Upload.Run] returns, another one can continue with the ID: within 24 h after the last part, and 7 days after the start. An
// upload of another client of lakeport, such as its command line, can be continued too.
type Upload struct {
	client      *Client
	file        *sourceFile
	destination uploadDestination
	parts       *partsTransaction
	options     UploadOptions
}

// UploadFile stores a local file as an object, in parallel parts. It is [Files.NewUpload] with [Upload.Run].
func (f *Files) UploadFile(ctx context.Context, file, path string, options *UploadOptions) (*FileInfo, error) {
	upload, err := f.NewUpload(ctx, file, path, options)
	if err != nil {
		return nil, err
	}
	return upload.Run(ctx)
}

// NewUpload begins an upload of a local file, or continues one. It sends no bytes: keep [Upload.ID], then call [Upload.Run].
//
// It fails with [ErrInvalid] if the file is not a regular file, or if the upload to continue has another destination; with
// [ErrNotFound] or [ErrPrecondition] if the upload to continue does not exist or has ended; with [ErrConflict] if its file
// has changed; with [ReasonObjectExists]; or with an error of [Client.Begin].
func (f *Files) NewUpload(ctx context.Context, file, path string, options *UploadOptions) (*Upload, error) {
	u := &Upload{client: f.client}
	if options != nil {
		u.options = *options
	}
	if err := u.options.complete(); err != nil {
		return nil, err
	}
	var err error
	if u.file, err = openSource(file); err != nil {
		return nil, err
	}
	if u.destination, err = f.resolveDestination(ctx, path, u.options.RetryFor); err != nil {
		return nil, err
	}
	if u.options.ResumeID != "" {
		u.parts, err = u.resumeParts(ctx)
	} else if err = u.checkCreateOnly(ctx); err == nil {
		u.parts, err = u.beginParts(ctx)
	}
	if err != nil {
		return nil, err
	}
	return u, nil
}

func (o *UploadOptions) complete() error {
	if o.PartBytes < 0 || o.Parallelism < 0 || o.RetryFor < 0 {
		return invalid("PartBytes, Parallelism and RetryFor of an upload must not be negative")
	}
	if o.PartBytes == 0 {
		o.PartBytes = defaultPartBytes
	}
	if o.Parallelism == 0 {
		o.Parallelism = defaultParallelism
	}
	if o.RetryFor == 0 {
		o.RetryFor = defaultRetryFor
	}
	return nil
}

// checkCreateOnly fails before all bytes are sent in vain. Compose checks again.
func (u *Upload) checkCreateOnly(ctx context.Context) error {
	if !u.options.CreateOnly {
		return nil
	}
	exists, err := u.destination.files.Exists(ctx, u.destination.path)
	if err == nil && exists {
		failure := newError(codes.AlreadyExists, "object %q exists at %s", u.destination.path, u.destination.files)
		failure.Reason = ReasonObjectExists
		return failure
	}
	return err
}

// ID returns the ID with which [UploadOptions.ResumeID] continues the upload: the ID of the transaction of its parts.
func (u *Upload) ID() string {
	return u.parts.id
}

// Run sends the parts that are not stored yet, and composes the object.
//
// After an error for which [CanResume] is true, the parts remain: call Run again, or continue with another process. After
// another error, and after success, it deletes the parts. It fails with [ErrConflict] if the file changed during the upload,
// or with an error of [Files.NewUpload], [Files.Upload] or [Files.Compose].
func (u *Upload) Run(ctx context.Context) (*FileInfo, error) {
	info, err := u.transferWhileOpen(ctx)
	if err == nil || !CanResume(err) {
		u.deleteParts(ctx)
	}
	return info, err
}

func (u *Upload) transferWhileOpen(ctx context.Context) (*FileInfo, error) {
	// Deferred, because Progress may panic.
	defer u.keepDestinationOpen(ctx)()
	return u.transfer(ctx)
}

func (u *Upload) transfer(ctx context.Context) (*FileInfo, error) {
	meter := newMeter(u.file.size(), u.options.Progress)
	stored, err := u.storeParts(ctx, meter)
	// Before the error of a part: if the file shrinks, a part fails with WRITE_INCOMPLETE.
	if changed := u.file.checkUnchanged(); changed != nil {
		return nil, changed
	}
	if err != nil {
		return nil, err
	}
	return u.compose(ctx, stored, meter)
}

// compose concatenates the parts at the destination. The rollback of their transaction deletes them: single deletions could
// wait for the last writes of a client that was killed.
func (u *Upload) compose(ctx context.Context, parts []storedPart, meter *meter) (*FileInfo, error) {
	paths, sum := make([]string, len(parts)), uint32(0)
	for index, part := range parts {
		paths[index] = part.path
		sum = combineCRC32C(sum, part.crc32c, u.parts.plan.part(int64(index)).length)
	}
	options := &ComposeOptions{
		ContentType:         u.options.ContentType,
		Metadata:            u.options.Metadata,
		CreateOnly:          u.options.CreateOnly,
		Size:                new(u.file.size()),
		CRC32C:              new(sum),
		SourceTransactionID: u.parts.id,
		RequestID:           u.parts.requestID(u.destination),
		Progress:            meter.setComposed,
	}
	return persist(ctx, u.options.RetryFor, func() (*FileInfo, error) {
		return u.destination.files.Compose(ctx, u.destination.path, paths, options)
	})
}

// keepDestinationOpen keeps a destination that is a transaction open: no call uses it until the parts are composed. Errors are
// ignored, because Compose reports a transaction that has ended.
func (u *Upload) keepDestinationOpen(ctx context.Context) (stop func()) {
	if u.destination.files.place.transactionID == "" {
		return func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	var keeping sync.WaitGroup
	keeping.Go(func() {
		destination := &Transaction{Files: u.destination.files}
		for sleep(ctx, uploadKeepAlive) {
			_ = destination.keepAliveWithin(ctx, uploadKeepAlive)
		}
	})
	return func() {
		cancel()
		keeping.Wait()
	}
}

// deleteParts rolls back the transaction of the parts. Errors are ignored: without a rollback, the transaction expires.
func (u *Upload) deleteParts(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), deletePartsTime)
	defer cancel()
	transaction := &Transaction{Files: u.parts.files}
	_, _ = persist(ctx, deletePartsTime, func() (*TransactionInfo, error) {
		return transaction.Rollback(ctx)
	})
}

// CanResume returns whether an upload that failed with this error can be continued. It is false if the file has changed, if a
// transaction has ended, or if the request is invalid.
func CanResume(err error) bool {
	failure := asError(err)
	if failure == nil {
		return false
	}
	switch failure.Reason {
	case ReasonTransactionNotFound, ReasonTransactionCommitted, ReasonTransactionRolledBack, ReasonTransactionExpired:
		return false
	case "":
		// A lost connection, the end of the context, or a failed read of the file.
		return failure.Code == codes.Unavailable || failure.Code == codes.Unknown ||
			errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
	}
	return failure.Code != codes.InvalidArgument
}

// persist calls attempt until it succeeds or fails with an error that a later attempt cannot fix. The sum of the pauses is at
// most limit. The time of the attempts does not count: a large part on a slow line may take longer.
func persist[T any](ctx context.Context, limit time.Duration, attempt func() (T, error)) (T, error) {
	backoff := firstBackoff
	for {
		result, err := attempt()
		failure := asError(err)
		if failure == nil || !isWorthwhile(failure) {
			return result, err
		}
		pause := max(jittered(backoff), failure.RetryDelay)
		if limit -= pause; limit < 0 || !sleep(ctx, pause) {
			return result, err
		}
		backoff = min(2*backoff, maxBackoff)
	}
}

func isWorthwhile(e *Error) bool {
	return e.Code == codes.Unavailable || e.Reason == ReasonOverloaded || e.Reason == ReasonPartialFailure
}
