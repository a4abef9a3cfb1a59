package lakeport

import (
	"io"
	"io/fs"
	"sync"

	"google.golang.org/grpc/codes"
)

// file is an open file. It reads one version of the object.
type file struct {
	system *fileSystem
	name   string
	info   *nodeInfo

	// mutex guards the following fields. ReadAt does not use them.
	mutex  sync.Mutex
	offset int64
	// reader reads at offset. nil before the first read and after a seek.
	reader   *Reader
	isClosed bool
}

var (
	_ io.ReaderAt = (*file)(nil)
	_ io.Seeker   = (*file)(nil)
	_ io.WriterTo = (*file)(nil)
)

func (f *file) Stat() (fs.FileInfo, error) {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	if f.isClosed {
		return nil, f.fail("stat", fs.ErrClosed)
	}
	return f.info, nil
}

func (f *file) Read(p []byte) (int, error) {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	if f.isClosed || len(p) == 0 {
		return 0, f.closedError("read")
	}
	reader, err := f.open()
	if err != nil {
		return 0, f.fail("read", err)
	}
	count, err := reader.Read(p)
	f.offset += int64(count)
	return count, f.fail("read", err)
}

// WriteTo writes the rest of the file to w.
func (f *file) WriteTo(w io.Writer) (int64, error) {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	if f.isClosed {
		return 0, f.closedError("read")
	}
	reader, err := f.open()
	if err == io.EOF {
		return 0, nil
	}
	if err != nil {
		return 0, f.fail("read", err)
	}
	count, err := reader.WriteTo(w)
	f.offset += count
	return count, f.fail("read", err)
}

// ReadAt reads at an offset, as [io.ReaderAt].
func (f *file) ReadAt(p []byte, offset int64) (int, error) {
	f.mutex.Lock()
	err := f.closedError("read")
	f.mutex.Unlock()
	if err != nil {
		return 0, err
	}
	at := &ReaderAt{files: f.system.files, ctx: f.system.ctx, path: f.info.object.Path, info: f.info.object}
	count, err := at.ReadAt(p, offset)
	return count, f.fail("read", err)
}

// Seek sets the offset of the next read.
func (f *file) Seek(offset int64, whence int) (int64, error) {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	if f.isClosed {
		return 0, f.closedError("seek")
	}
	switch whence {
	case io.SeekStart:
	case io.SeekCurrent:
		offset += f.offset
	case io.SeekEnd:
		offset += f.info.Size()
	default:
		return 0, invalidSeek(f.name)
	}
	if offset < 0 {
		return 0, invalidSeek(f.name)
	}
	if offset != f.offset {
		f.hangUp()
		f.offset = offset
	}
	return offset, nil
}

func (f *file) Close() error {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	if f.isClosed {
		return f.closedError("close")
	}
	f.isClosed = true
	f.hangUp()
	return nil
}

// open returns a reader at the offset, or io.EOF if the offset is at the end or after it.
func (f *file) open() (*Reader, error) {
	if f.reader != nil {
		return f.reader, nil
	}
	object := f.info.object
	if f.offset >= object.SizeBytes {
		return nil, io.EOF
	}
	options := &ReadOptions{Offset: f.offset, IfMatch: object.Etag}
	reader, err := f.system.files.NewReader(f.system.ctx, object.Path, options)
	if err != nil {
		return nil, err
	}
	f.reader = reader
	return reader, nil
}

func (f *file) hangUp() {
	if f.reader != nil {
		// Close of a Reader returns no error.
		_ = f.reader.Close()
		f.reader = nil
	}
}

func (f *file) closedError(operation string) error {
	if f.isClosed {
		return f.fail(operation, fs.ErrClosed)
	}
	return nil
}

// fail adds the operation and the name to an error. io.EOF stays as it is.
func (f *file) fail(operation string, err error) error {
	if err == nil || err == io.EOF {
		return err
	}
	return &fs.PathError{Op: operation, Path: f.name, Err: err}
}

// invalidSeek is the error of a seek before the start, or with an unknown whence.
func invalidSeek(name string) error {
	return &fs.PathError{Op: "seek", Path: name, Err: newError(codes.InvalidArgument, "invalid offset")}
}
