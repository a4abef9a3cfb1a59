package lakeport

import (
	"io"
	"io/fs"
	"time"
)

// nodeInfo describes a file or a directory.
type nodeInfo struct {
	name string
	// object is nil for a directory.
	object *FileInfo
}

func directoryInfo(name string) *nodeInfo {
	return &nodeInfo{name: name}
}

func (i *nodeInfo) Name() string { return i.name }
func (i *nodeInfo) Size() int64  { return i.object.GetSizeBytes() }
func (i *nodeInfo) IsDir() bool  { return i.object == nil }

func (i *nodeInfo) Mode() fs.FileMode {
	if i.IsDir() {
		return fs.ModeDir | 0o555
	}
	return 0o444
}

// ModTime returns the time of the last write. Zero for a directory.
func (i *nodeInfo) ModTime() time.Time {
	if i.object.GetUpdateTime() == nil {
		return time.Time{}
	}
	return i.object.UpdateTime.AsTime()
}

// Sys returns the *FileInfo of an object. nil for a directory.
func (i *nodeInfo) Sys() any {
	if i.IsDir() {
		return nil
	}
	return i.object
}

// directory is an open directory.
type directory struct {
	system *fileSystem
	name   string
	info   *nodeInfo
	// entries are those that ReadDir has not returned yet, after isListed.
	entries  []fs.DirEntry
	isListed bool
	isClosed bool
}

func (d *directory) Stat() (fs.FileInfo, error) {
	if d.isClosed {
		return nil, &fs.PathError{Op: "stat", Path: d.name, Err: fs.ErrClosed}
	}
	return d.info, nil
}

func (d *directory) Read([]byte) (int, error) {
	return 0, &fs.PathError{Op: "read", Path: d.name, Err: errIsDirectory}
}

func (d *directory) Close() error {
	if d.isClosed {
		return &fs.PathError{Op: "close", Path: d.name, Err: fs.ErrClosed}
	}
	d.isClosed = true
	return nil
}

// ReadDir returns the next entries, as [fs.ReadDirFile].
func (d *directory) ReadDir(count int) ([]fs.DirEntry, error) {
	if d.isClosed {
		return nil, &fs.PathError{Op: "readdir", Path: d.name, Err: fs.ErrClosed}
	}
	if !d.isListed {
		entries, err := d.system.list(d.name)
		if err != nil {
			return nil, pathError("readdir", d.name, err)
		}
		d.entries, d.isListed = entries, true
	}
	if count <= 0 || count > len(d.entries) {
		if count > 0 && len(d.entries) == 0 {
			return nil, io.EOF
		}
		count = len(d.entries)
	}
	next := d.entries[:count:count]
	d.entries = d.entries[count:]
	return next, nil
}
