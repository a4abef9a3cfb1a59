package lakeport

import (
	"context"
	"hash/crc32"
	"io"

	"github.com/lakeport/lakeport/client/go/lakeportv1"
	"google.golang.org/grpc/codes"
)

// Range is a part of an object.
type Range struct {
	// Offset of the first byte. A negative offset counts from the end.
	Offset int64
	// Length is the maximum number of bytes. 0: to the end.
	Length int64
}

// RangeResult is the result of one range.
type RangeResult struct {
	// Data are the bytes. nil if the range failed; not nil if it is empty.
	Data []byte
	// Err is the error of this range, such as [ErrOutOfRange]. nil if it succeeded.
	Err error
}

// ReadRanges reads at most 1,000 ranges of an object with one call, into memory. It returns a result for each range, in
// order. All bytes are of one version of the object. Ranges with an offset of 0 or more must not overlap. Of the options, it
// uses the preconditions.
//
// The errors are those of [Files.NewReader]. If a range is invalid, only its result has an error.
func (f *Files) ReadRanges(ctx context.Context, path string, ranges []Range, options *ReadOptions) ([]RangeResult, error) {
	if len(ranges) == 0 {
		return nil, nil
	}
	request := f.readRequest(path)
	if options != nil {
		request.IfMatch, request.IfNoneMatch = options.IfMatch, options.IfNoneMatch
	}
	read := &rangesRead{files: f, request: request, parts: make([]rangePart, len(ranges))}
	for index, wanted := range ranges {
		read.parts[index] = rangePart{offset: wanted.Offset, length: wanted.Length, fromEnd: wanted.Offset < 0}
	}
	clock := newProgress(f.client.timeout)
	_, err := repeat(ctx, idempotent, clock, func() (struct{}, error) {
		return struct{}{}, read.attempt(ctx, clock)
	})
	if err != nil {
		return nil, err
	}
	results := make([]RangeResult, len(ranges))
	for index, part := range read.parts {
		results[index] = part.result()
	}
	return results, nil
}

// rangesRead is a read of many ranges, which continues after a lost connection.
type rangesRead struct {
	files   *Files
	request *lakeportv1.ReadRequest
	info    *FileInfo
	parts   []rangePart
}

// rangePart is the state of one range.
type rangePart struct {
	// offset and length are those of the range. After the first bytes, they are those of the rest.
	offset, length int64
	data           []byte
	err            error
	// fromEnd is set if the offset of the range counted from the end.
	fromEnd bool
	// begun is set when the first message of the range arrived, and done after its last one.
	begun, done bool
}

func (p *rangePart) result() RangeResult {
	if p.err != nil {
		return RangeResult{Err: p.err}
	}
	if p.data == nil {
		return RangeResult{Data: []byte{}}
	}
	return RangeResult{Data: p.data}
}

// attempt requests the parts that are not done.
func (r *rangesRead) attempt(ctx context.Context, clock *progress) error {
	pending := r.prepare()
	if len(pending) == 0 {
		return nil
	}
	stream, err := openOnce(ctx, r.files.client, clock, r.files.client.read, r.request)
	if err != nil {
		return err
	}
	defer stream.close()
	for current := 0; ; {
		message, err := stream.next()
		if err == io.EOF {
			return r.finish(pending, current, len(pending))
		}
		if err != nil {
			return err
		}
		if err := r.accept(pending, message); err != nil {
			return err
		}
		index := int(message.RangeIndex)
		if err := r.finish(pending, current, index); err != nil {
			return err
		}
		current = index
	}
}

// prepare sets the ranges of the request, and returns the indexes of their parts.
func (r *rangesRead) prepare() []int {
	r.request.Ranges = nil
	var pending []int
	for index := range r.parts {
		part := &r.parts[index]
		if part.done {
			continue
		}
		pending = append(pending, index)
		offset := part.offset
		if part.begun && part.fromEnd {
			// Ranges from the start must not overlap, but this one may overlap another.
			offset -= r.info.SizeBytes
		}
		r.request.Ranges = append(r.request.Ranges, &lakeportv1.ReadRange{ReadOffset: offset, ReadLimit: part.length})
	}
	return pending
}

// finish marks parts of this attempt as done: the server sends the ranges in order. It fails if bytes of a part are missing.
func (r *rangesRead) finish(pending []int, from, to int) error {
	for _, index := range pending[min(from, to):to] {
		part := &r.parts[index]
		if part.err == nil && part.isIncomplete(r.info) {
			return newError(codes.Unavailable, "the response ended before all bytes of a range arrived")
		}
		part.done = true
	}
	return nil
}

// isIncomplete returns whether bytes are missing. The server sends no message for an empty range.
func (p *rangePart) isIncomplete(info *FileInfo) bool {
	if p.begun {
		return p.length > 0
	}
	return info == nil || p.offset < info.SizeBytes && info.SizeBytes > 0
}

// accept verifies a message and adds its data to its part.
func (r *rangesRead) accept(pending []int, message *lakeportv1.ReadResponse) error {
	if message.Info != nil && r.info == nil {
		r.info = message.Info
		r.request.IfMatch, r.request.IfNoneMatch = r.info.Etag, ""
	}
	index := int(message.RangeIndex)
	if r.info == nil || index < 0 || index >= len(pending) {
		return badResponse("a response to Read has the range index %d, or no object", index)
	}
	part := &r.parts[pending[index]]
	if failure := itemError(message.RangeStatus); failure != nil {
		part.err, part.done = failure, true
		return nil
	}
	return part.accept(message, r.info.SizeBytes)
}

func (p *rangePart) accept(message *lakeportv1.ReadResponse, size int64) error {
	if !p.begun {
		// From here on, the offset counts from the start, and the length is exact.
		p.begun, p.offset = true, message.Offset
		if rest := max(size-p.offset, 0); p.length == 0 || p.length > rest {
			p.length = rest
		}
	}
	count := int64(len(message.Data))
	switch {
	case count == 0:
	case message.Offset != p.offset || count > p.length:
		return corrupt("the server sent other bytes of a range than requested")
	case message.Crc32C != nil && *message.Crc32C != crc32.Checksum(message.Data, castagnoli):
		return corrupt("the bytes at offset %d do not match their checksum", message.Offset)
	}
	p.data = append(p.data, message.Data...)
	p.offset, p.length = p.offset+count, p.length-count
	p.done = p.length == 0
	return nil
}
