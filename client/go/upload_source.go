package lakeport

import (
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"

	"google.golang.org/grpc/codes"
)

// sourceFile is a regular file, as it was when the upload began.
type sourceFile struct {
	path string
	info fs.FileInfo
}

// openSource fails if the path is not a regular file: parts are read from any offset, and again after a failure.
func openSource(path string) (*sourceFile, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, unreadable(err)
	}
	if !info.Mode().IsRegular() {
		return nil, invalid("%s is not a regular file", path)
	}
	return &sourceFile{path: path, info: info}, nil
}

func (f *sourceFile) size() int64 {
	return f.info.Size()
}

// version returns a text that differs after a change of the file: its size and modification time.
func (f *sourceFile) version() string {
	return fileVersion(f.info)
}

func fileVersion(info fs.FileInfo) string {
	return fmt.Sprintf("%d-%d", info.Size(), info.ModTime().UnixNano())
}

func (f *sourceFile) checkUnchanged() error {
	info, err := os.Stat(f.path)
	if err != nil {
		return unreadable(err)
	}
	if fileVersion(info) != f.version() {
		return newError(codes.Aborted, "%s changed during the upload, and nothing was stored: start again", f.path)
	}
	return nil
}

// read passes the bytes of a part to use.
func (f *sourceFile) read(part filePart, use func(io.Reader) error) error {
	file, err := os.Open(f.path)
	if err != nil {
		return unreadable(err)
	}
	defer file.Close()
	return use(io.NewSectionReader(file, part.offset, part.length))
}

// checksum returns the CRC32C of a part.
func (f *sourceFile) checksum(part filePart) (uint32, error) {
	sum := crc32.New(castagnoli)
	err := f.read(part, func(bytes io.Reader) error {
		if _, err := io.Copy(sum, bytes); err != nil {
			return unreadable(err)
		}
		return nil
	})
	return sum.Sum32(), err
}

func unreadable(err error) error {
	return newError(codes.Unknown, "cannot read the file to upload: %v", err).withCause(err)
}
