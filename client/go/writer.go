package lakeport

import (
	"context"
	"io"
	"io/fs"
	"slices"
	"time"

	"github.com/lakeport/lakeport/client/go/lakeportv1"
	"google.golang.org/grpc/codes"
)

const (
	// frameBytes is the size of the data in one message of an upload.
	frameBytes = 1 << 20
	// holdTime is the time after which a writer sends a frame that is not full. An overloaded server ends uploads that have
	// sent no bytes for 30 s.
	holdTime = 5 * time.Second
	// createOnly is the only value of if_none_match that the contract allows for writes.
	createOnly = "*"
)

// WriteOptions are properties and preconditions of a write.
type WriteOptions struct {
	// ContentType is the MIME type. Empty: the server guesses it from the path.
	ContentType string
	// Metadata is the user metadata: at most 256 keys and 64 KiB. Keys must match [a-z0-9._-]+.
	Metadata map[string]string
	// CreateOnly makes the write fail with [ReasonObjectExists] if the object exists.
	CreateOnly bool
	// WriteID is the idempotency key of a create-only write: [A-Za-z0-9_-]{1,64}. A second write with the same key succeeds
	// if the first one did. Empty: a random key, which makes the retries of this write safe.
	WriteID string
	// Size is the size of the object in bytes, if it is known. The write fails if it differs. Not used by [Files.WriteAll].
	Size *int64
	// MD5 is the MD5 of the object, if it is known: 16 bytes. The write fails with [ReasonChecksumMismatch] if it differs.
	MD5 []byte
}

func (f *Files) writeHeader(path string, options *WriteOptions) *lakeportv1.WriteRequest {
	if options == nil {
		options = &WriteOptions{}
	}
	header := &lakeportv1.WriteRequest{
		Repository:    f.place.repository,
		Ref:           f.place.ref,
		TransactionId: f.place.transactionID,
		Path:          path,
		ContentType:   options.ContentType,
		Metadata:      options.Metadata,
		SizeBytes:     options.Size,
		ObjectMd5:     options.MD5,
		WriteId:       options.WriteID,
	}
	if options.CreateOnly {
		header.IfNoneMatch = createOnly
		header.WriteId = firstNonEmpty(options.WriteID, randomID())
	}
	return header
}

// WriteAll stores bytes as an object. The object appears completely, or not at all. It sends the bytes again if the server was
// unavailable.
//
// It fails with [ReasonObjectExists] if CreateOnly is set and the object exists; with [ReasonWriteInDoubt] if it is unknown
// whether the object was stored, in which case another write is safe.
func (f *Files) WriteAll(ctx context.Context, path string, data []byte, options *WriteOptions) (*FileInfo, error) {
	header := f.writeHeader(path, options)
	header.SizeBytes = new(int64(len(data)))
	return f.store(ctx, header, data)
}

// store sends an object that is in memory, and sends it again as long as that is safe. It always is: a write without a
// precondition stores the same bytes, and a create-only write has a write_id.
func (f *Files) store(ctx context.Context, header *lakeportv1.WriteRequest, data []byte) (*FileInfo, error) {
	clock := newProgress(f.client.timeout)
	return repeat(ctx, idempotent, clock, func() (*FileInfo, error) {
		return f.storeOnce(ctx, header, data, clock)
	})
}

func (f *Files) storeOnce(ctx context.Context, header *lakeportv1.WriteRequest, data []byte, clock *progress) (*FileInfo, error) {
	sending, err := f.client.openWrite(ctx, header, clock)
	if err != nil {
		return nil, err
	}
	defer sending.close()
	for len(data) > frameBytes {
		if err := sending.send(append(newFrame(), data[:frameBytes]...)); err != nil {
			return nil, err
		}
		data = data[frameBytes:]
	}
	// gRPC may still have the bytes when the call has failed, so they cannot be those of the caller.
	return sending.finish(slices.Clone(data))
}

// Upload stores all bytes of a reader as an object. If the reader fails, it stores nothing, and returns an error that wraps
// that of the reader. It does not send bytes again: see [Files.WriteAll] for bytes in memory and [Files.NewUpload] for large
// files.
func (f *Files) Upload(ctx context.Context, path string, from io.Reader, options *WriteOptions) (*FileInfo, error) {
	w := f.NewWriter(ctx, path, options)
	defer w.Abort()
	if _, err := w.ReadFrom(from); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return w.Info(), nil
}

// Writer writes an object. [Writer.Close] publishes it. Until then, and if the context ends before, nothing is visible. It
// must not be used concurrently.
type Writer struct {
	files  *Files
	ctx    context.Context
	header *lakeportv1.WriteRequest
	// sending is the call. nil as long as all bytes are in the buffer.
	sending *sending
	buffer  []byte
	// lastSent is the time of the last message, or of the first byte.
	lastSent time.Time
	info     *FileInfo
	err      error
	closed   bool
}

// NewWriter returns a writer of an object. It sends nothing before 1 MiB was written, or [Writer.Close] was called: the
// errors of the server appear there. The context applies to the whole write. The caller must call [Writer.Close] or
// [Writer.Abort], or end the context:
//
//	w := files.NewWriter(ctx, "a.txt", nil)
//	defer w.Abort() // no effect after Close
//	if _, err := io.Copy(w, source); err != nil {
//		return err
//	}
//	return w.Close()
//
// A writer may pause. After a pause of 30 s, an overloaded server may end the write with [ReasonWriterStalled].
func (f *Files) NewWriter(ctx context.Context, path string, options *WriteOptions) *Writer {
	return &Writer{files: f, ctx: ctx, header: f.writeHeader(path, options)}
}

// Write adds bytes to the object.
func (w *Writer) Write(p []byte) (int, error) {
	if err := w.state(); err != nil {
		return 0, err
	}
	written := 0
	for written < len(p) {
		if err := w.makeRoom(); err != nil {
			return written, err
		}
		count := min(len(p)-written, frameBytes-len(w.buffer))
		w.buffer = append(w.buffer, p[written:written+count]...)
		written += count
	}
	return written, nil
}

// ReadFrom adds all bytes of a reader to the object. If the reader fails, it aborts the write, and returns an error that wraps
// that of the reader.
func (w *Writer) ReadFrom(from io.Reader) (int64, error) {
	if err := w.state(); err != nil {
		return 0, err
	}
	read := int64(0)
	for {
		if err := w.makeRoom(); err != nil {
			return read, err
		}
		if cap(w.buffer) < frameBytes {
			w.buffer = append(newFrame(), w.buffer...)
		}
		count, err := from.Read(w.buffer[len(w.buffer):frameBytes])
		w.buffer, read = w.buffer[:len(w.buffer)+count], read+int64(count)
		// As in io.Copy: an error that only wraps io.EOF is a failure of the source.
		if err == io.EOF {
			return read, nil
		}
		if err != nil {
			w.fail(newError(codes.Unknown, "cannot read the bytes to write: %v", err).withCause(err))
			return read, w.err
		}
	}
}

// Close publishes the object. If it fails, nothing was published, with these exceptions: after [ReasonWriteInDoubt], a lost
// connection, [ErrTimeout], and the end of the context during Close, the object may have been stored. Only the first call has an effect.
func (w *Writer) Close() error {
	if w.closed {
		return w.err
	}
	if err := w.state(); err != nil {
		w.closed = true
		return err
	}
	w.closed = true
	if w.sending == nil {
		// The server can check the size, and the write can be repeated.
		if w.header.SizeBytes == nil {
			w.header.SizeBytes = new(int64(len(w.buffer)))
		}
		w.info, w.err = w.files.store(w.ctx, w.header, w.buffer)
	} else {
		w.info, w.err = w.sending.finish(w.buffer)
		w.sending.close()
	}
	w.buffer = nil
	return w.err
}

// Abort ends the write and publishes nothing. It has no effect after [Writer.Close].
func (w *Writer) Abort() {
	if !w.closed {
		w.closed = true
		w.fail(newError(codes.Canceled, "the write of %q was aborted", w.header.Path))
	}
}

// Info returns the stored object. nil before [Writer.Close] succeeded.
func (w *Writer) Info() *FileInfo {
	return w.info
}

// state returns the error that prevents further writes.
func (w *Writer) state() error {
	switch {
	case w.err != nil:
		return w.err
	case w.closed:
		return fs.ErrClosed
	case w.ctx.Err() != nil:
		w.fail(contextError(w.ctx, "the write of "+w.header.Path))
	}
	return w.err
}

// fail ends the call.
func (w *Writer) fail(err error) {
	w.err, w.buffer = err, nil
	if w.sending != nil {
		w.sending.close()
	}
}

// makeRoom sends the buffer if it is full, or if its bytes are old.
func (w *Writer) makeRoom() error {
	if len(w.buffer) == 0 && w.lastSent.IsZero() {
		w.lastSent = time.Now()
	}
	if len(w.buffer) < frameBytes && (len(w.buffer) == 0 || time.Since(w.lastSent) < holdTime) {
		return nil
	}
	if err := w.flush(); err != nil {
		w.fail(err)
		return err
	}
	return nil
}

func (w *Writer) flush() (err error) {
	if w.sending == nil {
		if w.sending, err = w.files.client.openWrite(w.ctx, w.header, newProgress(w.files.client.timeout)); err != nil {
			return err
		}
	}
	data := w.buffer
	w.buffer, w.lastSent = newFrame(), time.Now()
	return w.sending.send(data)
}
