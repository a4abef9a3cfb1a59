package lakeport

import (
	"context"
	"hash/crc32"
	"io"
	"io/fs"

	"github.com/lakeport/lakeport/client/go/lakeportv1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
)

// castagnoli is the polynomial of CRC32C.
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// ReadOptions select a part of an object and set preconditions.
type ReadOptions struct {
	// Offset of the first byte. A negative offset counts from the end.
	Offset int64
	// Length is the maximum number of bytes. 0: to the end.
	Length int64
	// IfMatch is the etag that the object must have. If it differs, the read fails with [ReasonETagMismatch]. Empty: any.
	IfMatch string
	// IfNoneMatch is an etag that the object must not have. If it has this etag, the read fails with [ReasonNotModified].
	IfNoneMatch string
}

// Reader reads the bytes of an object, or of a part of it, in order.
//
// After a lost connection, it continues at the next byte. If the object has changed, it fails with [ReasonETagMismatch], or with
// [ErrNotFound]: the bytes are always of one version. The checksum of each message and the size are verified: a difference is
// [ErrDataLoss]. A Reader may pause. It must not be used concurrently.
type Reader struct {
	files   *Files
	ctx     context.Context
	request *lakeportv1.ReadRequest
	info    *FileInfo
	clock   *progress
	tries   retries
	// stream is the current call. nil after a lost connection.
	stream *responses[lakeportv1.ReadResponse]
	// piece is the data of the last message, and data its part that was not read yet.
	piece, data []byte
	// next is the offset of the first byte that was not received yet, and end the offset after the last byte of the read.
	next, end int64
	err       error
}

// NewReader reads an object or a part of it. It returns after the first bytes have arrived. The context applies to the whole
// read. The caller must close the reader; closing it early ends the call at once.
//
// It fails with [ReasonObjectNotFound]; with [ErrOutOfRange] if the offset is after the end of the object; or with
// [ErrPrecondition] for IfMatch and IfNoneMatch.
func (f *Files) NewReader(ctx context.Context, path string, options *ReadOptions) (*Reader, error) {
	if options == nil {
		options = &ReadOptions{}
	}
	if options.Length < 0 {
		return nil, invalid("the length %d of a read is negative", options.Length)
	}
	request := f.readRequest(path)
	request.ReadOffset, request.ReadLimit = options.Offset, options.Length
	request.IfMatch, request.IfNoneMatch = options.IfMatch, options.IfNoneMatch
	r := &Reader{files: f, ctx: ctx, request: request, clock: newProgress(f.client.timeout), tries: retries{policy: idempotent}}
	if err := r.begin(); err != nil {
		return nil, err
	}
	return r, nil
}

func (f *Files) readRequest(path string) *lakeportv1.ReadRequest {
	return &lakeportv1.ReadRequest{
		Repository:    f.place.repository,
		Ref:           f.place.ref,
		TransactionId: f.place.transactionID,
		Path:          path,
		Checksum:      true,
	}
}

// ReadAll reads an object, or a part of it, into memory. The errors are those of [Files.NewReader] and [Reader.Read].
func (f *Files) ReadAll(ctx context.Context, path string, options *ReadOptions) ([]byte, error) {
	r, err := f.NewReader(ctx, path, options)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return r.readAll()
}

// readAll returns all remaining bytes.
func (r *Reader) readAll() ([]byte, error) {
	data := make([]byte, 0, r.Remaining())
	for {
		piece, err := r.peek()
		if err == io.EOF {
			return data, nil
		}
		if err != nil {
			return nil, err
		}
		data, r.data = append(data, piece...), nil
	}
}

// Info returns the properties of the object, without user metadata: lakeFS does not send it with the bytes.
func (r *Reader) Info() *FileInfo {
	return r.info
}

// Remaining returns the number of bytes that were not read yet.
func (r *Reader) Remaining() int64 {
	return r.end - r.next + int64(len(r.data))
}

// Read reads the next bytes. At the end, it returns [io.EOF].
func (r *Reader) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	data, err := r.peek()
	if err != nil {
		return 0, err
	}
	count := copy(p, data)
	r.data = data[count:]
	return count, nil
}

// WriteTo writes all remaining bytes to w, without copying them first.
func (r *Reader) WriteTo(w io.Writer) (int64, error) {
	written := int64(0)
	for {
		data, err := r.peek()
		if err == io.EOF {
			return written, nil
		}
		if err != nil {
			return written, err
		}
		count, err := w.Write(data)
		written, r.data = written+int64(count), data[count:]
		if err != nil {
			return written, err
		}
	}
}

// Close ends the read. It returns nil.
func (r *Reader) Close() error {
	r.hangUp()
	r.release()
	r.data, r.err = nil, fs.ErrClosed
	return nil
}

// release gives the last piece back. No caller has it: Read copies the bytes, and a writer must not keep them.
func (r *Reader) release() {
	if piece := r.piece; piece != nil {
		piecePool.Put(&piece)
		r.piece = nil
	}
}

func (r *Reader) hangUp() {
	if r.stream != nil {
		r.stream.close()
		r.stream = nil
	}
}

// begin sends the request, and keeps the first response.
func (r *Reader) begin() error {
	stream, err := open(r.ctx, r.files.client, idempotent, r.clock, r.files.client.read, r.request)
	if err != nil {
		return err
	}
	r.stream = stream
	if stream.first == nil || stream.first.Info == nil {
		r.hangUp()
		return badResponse("the response to Read has no object")
	}
	r.info, r.next = stream.first.Info, stream.first.Offset
	r.end = r.info.SizeBytes
	if limit := r.request.ReadLimit; limit > 0 && limit < r.end-r.next {
		r.end = r.next + limit
	}
	return nil
}

// peek returns the next bytes, at least one, without consuming them.
func (r *Reader) peek() ([]byte, error) {
	if len(r.data) == 0 && r.err == nil {
		r.release()
		r.piece, r.err = r.fetch()
		r.data = r.piece
	}
	if len(r.data) > 0 {
		return r.data, nil
	}
	if r.err != nil {
		r.hangUp()
	}
	return nil, r.err
}

// fetch receives the next bytes. It continues after a lost connection.
func (r *Reader) fetch() ([]byte, error) {
	r.clock.made()
	for {
		data, err := r.receive()
		if err == nil && len(data) == 0 {
			continue
		}
		if err == nil {
			r.tries = retries{policy: idempotent}
			return data, nil
		}
		if err == io.EOF || !waitFor(r.ctx, &r.tries, r.clock, err) {
			return nil, err
		}
		r.hangUp()
	}
}

// receive returns the data of the next message, which may be empty, or io.EOF at the end of the read.
func (r *Reader) receive() ([]byte, error) {
	if r.stream == nil {
		if r.next == r.end {
			return nil, io.EOF
		}
		if err := r.reopen(); err != nil {
			return nil, err
		}
	}
	message, err := r.stream.next()
	if err == io.EOF {
		if r.next < r.end {
			return nil, newError(codes.Unavailable, "the download ended %d bytes too early", r.end-r.next)
		}
		return nil, io.EOF
	}
	if err != nil {
		return nil, err
	}
	return r.accept(message)
}

// read sends a request of Read.
func (c *Client) read(
	ctx context.Context,
	request *lakeportv1.ReadRequest,
	options ...grpc.CallOption,
) (grpc.ServerStreamingClient[lakeportv1.ReadResponse], error) {
	return c.files.Read(ctx, request, append(options, withBulkCodec)...)
}

// reopen requests the rest of the same version of the object.
func (r *Reader) reopen() error {
	request := proto.CloneOf(r.request)
	request.ReadOffset, request.ReadLimit = r.next, r.end-r.next
	request.IfMatch, request.IfNoneMatch = r.info.Etag, ""
	// The errors of this call count as failed attempts of the read.
	stream, err := openOnce(r.ctx, r.files.client, r.clock, r.files.client.read, request)
	if err != nil {
		return err
	}
	r.stream = stream
	return nil
}

// accept verifies a message and returns its data.
func (r *Reader) accept(message *lakeportv1.ReadResponse) ([]byte, error) {
	data := message.Data
	switch {
	case len(data) == 0:
		return nil, nil
	case message.Offset != r.next:
		return nil, corrupt("the server sent the bytes at offset %d of %q in place of those at %d", message.Offset, r.request.Path, r.next)
	case int64(len(data)) > r.end-r.next:
		return nil, corrupt("the server sent more bytes of %q than it announced", r.request.Path)
	case message.Crc32C != nil && *message.Crc32C != crc32.Checksum(data, castagnoli):
		return nil, corrupt("the bytes at offset %d of %q do not match their checksum", message.Offset, r.request.Path)
	}
	r.next += int64(len(data))
	return data, nil
}
