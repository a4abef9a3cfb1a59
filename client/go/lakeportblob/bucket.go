package lakeportblob

import (
	"context"
	"errors"

	lakeport "github.com/lakeport/lakeport/client/go"
	"gocloud.dev/blob"
	"gocloud.dev/blob/driver"
	"gocloud.dev/gcerrors"
	"google.golang.org/grpc/codes"
)

// plainType is the content type of objects whose type must not be guessed.
const plainType = "application/octet-stream"

// bucket implements driver.Bucket.
type bucket struct {
	files *lakeport.Files
	// close releases what belongs to the bucket.
	close func() error
}

// OpenBucket returns the bucket of the objects of a ref or of a transaction. The client remains open when the bucket is closed.
func OpenBucket(files *lakeport.Files) *blob.Bucket {
	return blob.NewBucket(openBucket(files))
}

func openBucket(files *lakeport.Files) *bucket {
	return &bucket{files: files, close: func() error { return nil }}
}

// Close implements driver.Bucket.
func (b *bucket) Close() error {
	return b.close()
}

// errorCodes are the codes of gocloud.dev for those of gRPC.
var errorCodes = map[codes.Code]gcerrors.ErrorCode{
	codes.NotFound: gcerrors.NotFound,
	// Only writes with IfNotExist fail with this code, for which gocloud.dev has chosen another one.
	codes.AlreadyExists:      gcerrors.FailedPrecondition,
	codes.InvalidArgument:    gcerrors.InvalidArgument,
	codes.OutOfRange:         gcerrors.InvalidArgument,
	codes.PermissionDenied:   gcerrors.PermissionDenied,
	codes.Unauthenticated:    gcerrors.PermissionDenied,
	codes.FailedPrecondition: gcerrors.FailedPrecondition,
	codes.Aborted:            gcerrors.FailedPrecondition,
	codes.ResourceExhausted:  gcerrors.ResourceExhausted,
	codes.Canceled:           gcerrors.Canceled,
	codes.DeadlineExceeded:   gcerrors.DeadlineExceeded,
	codes.Unimplemented:      gcerrors.Unimplemented,
	codes.Internal:           gcerrors.Internal,
}

// ErrorCode implements driver.Bucket.
func (b *bucket) ErrorCode(err error) gcerrors.ErrorCode {
	var failure *lakeport.Error
	if errors.As(err, &failure) {
		if code, found := errorCodes[failure.Code]; found {
			return code
		}
	}
	if errors.Is(err, errors.ErrUnsupported) {
		return gcerrors.Unimplemented
	}
	return gcerrors.Unknown
}

// As implements driver.Bucket.
func (b *bucket) As(target any) bool {
	return assign(target, b.files)
}

// ErrorAs implements driver.Bucket.
func (b *bucket) ErrorAs(err error, target any) bool {
	var failure *lakeport.Error
	return errors.As(err, &failure) && assign(target, failure)
}

// assign stores a value at target, if target is the address of a variable of its type.
func assign[T any](target any, value T) bool {
	to, fits := target.(*T)
	if !fits || to == nil {
		return false
	}
	*to = value
	return true
}

// before calls a callback of gocloud.dev with the options of a call.
func before[T any](callback func(func(any) bool) error, options *T) error {
	if callback == nil {
		return nil
	}
	return callback(func(target any) bool { return assign(target, options) })
}

// Attributes implements driver.Bucket.
func (b *bucket) Attributes(ctx context.Context, key string) (*driver.Attributes, error) {
	info, err := b.files.Stat(ctx, escapePath(key))
	if err != nil {
		return nil, err
	}
	attributes := &driver.Attributes{
		ContentType: contentType(info),
		ModTime:     info.UpdateTime.AsTime(),
		Size:        info.SizeBytes,
		ETag:        `"` + info.Etag + `"`,
		AsFunc:      func(target any) bool { return assign(target, info) },
	}
	decodeMetadata(info.Metadata, attributes)
	return attributes, nil
}

// contentType returns the type of an object, which must not be empty.
func contentType(info *lakeport.FileInfo) string {
	if info.ContentType == "" {
		return plainType
	}
	return info.ContentType
}

// Copy implements driver.Bucket.
func (b *bucket) Copy(ctx context.Context, destination, source string, options *driver.CopyOptions) error {
	request := &lakeport.CopyOptions{}
	if err := before(options.BeforeCopy, request); err != nil {
		return err
	}
	if source == destination && request.SourceRef == "" {
		// lakeport rejects a copy of an object to itself, which changes nothing.
		_, err := b.files.Stat(ctx, escapePath(source))
		return err
	}
	_, err := b.files.Copy(ctx, escapePath(source), escapePath(destination), request)
	return err
}

// Delete implements driver.Bucket.
func (b *bucket) Delete(ctx context.Context, key string, options *driver.DeleteOptions) error {
	request := &lakeport.DeleteOptions{}
	if err := before(options.BeforeDelete, request); err != nil {
		return err
	}
	_, err := b.files.Delete(ctx, escapePath(key), request)
	return err
}

// errNoSignedURL is the error of SignedURL.
var errNoSignedURL = errors.Join(
	errors.New("lakeFS signs only URLs to read, and chooses their expiry: use Presign of lakeport.Files"), errors.ErrUnsupported)

// SignedURL implements driver.Bucket. It always fails.
func (b *bucket) SignedURL(context.Context, string, *driver.SignedURLOptions) (string, error) {
	return "", errNoSignedURL
}
