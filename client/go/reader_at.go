package lakeport

import (
	"context"
	"errors"
	"io"
)

// ReaderAt reads parts of one version of an object, in any order. It can be used concurrently, and holds no resources.
type ReaderAt struct {
	files *Files
	ctx   context.Context
	path  string
	info  *FileInfo
}

// NewReaderAt returns a reader of parts of an object. Each [ReaderAt.ReadAt] is one call; for many parts at once,
// [Files.ReadRanges] is faster. The context applies to all reads. It fails with [ReasonObjectNotFound].
func (f *Files) NewReaderAt(ctx context.Context, path string) (*ReaderAt, error) {
	info, err := f.Stat(ctx, path)
	if err != nil {
		return nil, err
	}
	return &ReaderAt{files: f, ctx: ctx, path: path, info: info}, nil
}

// Info returns the properties of the object, with its user metadata.
func (r *ReaderAt) Info() *FileInfo {
	return r.info
}

// Size returns the size of the object in bytes.
func (r *ReaderAt) Size() int64 {
	return r.info.SizeBytes
}

// ReadAt reads len(p) bytes from an offset, as [io.ReaderAt]. If the object has changed, it fails with [ReasonETagMismatch].
func (r *ReaderAt) ReadAt(p []byte, offset int64) (int, error) {
	switch {
	case offset < 0:
		return 0, invalid("the offset %d is negative", offset)
	case len(p) == 0:
		return 0, nil
	case offset >= r.info.SizeBytes:
		return 0, io.EOF
	}
	options := &ReadOptions{Offset: offset, Length: int64(len(p)), IfMatch: r.info.Etag}
	part, err := r.files.NewReader(r.ctx, r.path, options)
	if err != nil {
		return 0, err
	}
	defer part.Close()
	count, err := io.ReadFull(part, p)
	if errors.Is(err, io.ErrUnexpectedEOF) {
		err = io.EOF
	}
	return count, err
}
