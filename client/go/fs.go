package lakeport

import (
	"context"
	"errors"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// FS returns a read-only file system of the objects, for packages that use [fs.FS]. ctx applies to all calls of it.
//
// A directory is a prefix that ends with /. Empty directories do not exist, except the root. The file system implements
// [fs.StatFS], [fs.ReadFileFS], [fs.ReadDirFS] and [fs.SubFS]. Files implement [io.ReaderAt], [io.Seeker] and [io.WriterTo];
// an open file has the bytes of one version. Its [fs.FileInfo] has the [*FileInfo] as Sys.
//
// Paths that are not valid in [fs.ValidPath], such as a//b or a/, are not visible. If there is an object a and an object a/b,
// then a is a file, and a/b can be opened, but is not listed.
func (f *Files) FS(ctx context.Context) fs.FS {
	return &fileSystem{ctx: ctx, files: f}
}

// fileSystem is a file system of all objects below root.
type fileSystem struct {
	ctx   context.Context
	files *Files
	// root is empty, or ends with /.
	root string
}

var (
	_ fs.StatFS     = (*fileSystem)(nil)
	_ fs.ReadFileFS = (*fileSystem)(nil)
	_ fs.ReadDirFS  = (*fileSystem)(nil)
	_ fs.SubFS      = (*fileSystem)(nil)
)

// Open opens a file or a directory. It reads no bytes.
func (s *fileSystem) Open(name string) (fs.File, error) {
	info, err := s.find("open", name)
	if err != nil {
		return nil, err
	}
	if info.IsDir() {
		return &directory{system: s, name: name, info: info}, nil
	}
	return &file{system: s, name: name, info: info}, nil
}

// Stat returns the properties of a file or a directory.
func (s *fileSystem) Stat(name string) (fs.FileInfo, error) {
	info, err := s.find("stat", name)
	if err != nil {
		return nil, err
	}
	return info, nil
}

// ReadFile reads a file.
func (s *fileSystem) ReadFile(name string) ([]byte, error) {
	if !fs.ValidPath(name) {
		return nil, &fs.PathError{Op: "read", Path: name, Err: fs.ErrInvalid}
	}
	if name == "." {
		return nil, &fs.PathError{Op: "read", Path: name, Err: errIsDirectory}
	}
	data, err := s.files.ReadAll(s.ctx, s.root+name, nil)
	if err != nil {
		return nil, &fs.PathError{Op: "read", Path: name, Err: s.explain(name, err)}
	}
	return data, nil
}

// ReadDir lists a directory, in order of the names.
func (s *fileSystem) ReadDir(name string) ([]fs.DirEntry, error) {
	if !fs.ValidPath(name) {
		return nil, &fs.PathError{Op: "readdir", Path: name, Err: fs.ErrInvalid}
	}
	entries, err := s.list(name)
	if err == nil && len(entries) == 0 && name != "." {
		// A directory exists only with contents.
		var info *nodeInfo
		if info, err = s.find("readdir", name); err == nil && !info.IsDir() {
			err = errNotDirectory
		}
	}
	if err != nil {
		return nil, pathError("readdir", name, err)
	}
	return entries, nil
}

// Sub returns the file system of a directory.
func (s *fileSystem) Sub(name string) (fs.FS, error) {
	if !fs.ValidPath(name) {
		return nil, &fs.PathError{Op: "sub", Path: name, Err: fs.ErrInvalid}
	}
	return &fileSystem{ctx: s.ctx, files: s.files, root: s.prefix(name)}, nil
}

// Errors of a file system.
var (
	errIsDirectory  = errors.New("is a directory")
	errNotDirectory = errors.New("is not a directory")
)

// prefix returns the prefix of the objects in a directory.
func (s *fileSystem) prefix(name string) string {
	if name == "." {
		return s.root
	}
	return s.root + name + "/"
}

// find returns the object with a name, or the directory.
func (s *fileSystem) find(operation, name string) (*nodeInfo, error) {
	if !fs.ValidPath(name) {
		return nil, &fs.PathError{Op: operation, Path: name, Err: fs.ErrInvalid}
	}
	if name == "." {
		return directoryInfo("."), nil
	}
	info, err := s.files.Stat(s.ctx, s.root+name)
	if err == nil {
		return &nodeInfo{name: path.Base(name), object: info}, nil
	}
	if errors.Is(err, ReasonObjectNotFound) {
		var exists bool
		if exists, err = s.isDirectory(name, err); exists {
			return directoryInfo(path.Base(name)), nil
		}
	}
	return nil, &fs.PathError{Op: operation, Path: name, Err: err}
}

// isDirectory returns whether there is an object below a name: its parent lists the name then. If there is none, it returns notFound.
func (s *fileSystem) isDirectory(name string, notFound error) (bool, error) {
	for _, err := range s.files.List(s.ctx, &ListOptions{Prefix: s.prefix(name), Limit: 1}) {
		return err == nil, err
	}
	return false, notFound
}

// explain returns a better error for a name that is a directory.
func (s *fileSystem) explain(name string, err error) error {
	if !errors.Is(err, ReasonObjectNotFound) {
		return err
	}
	if exists, listErr := s.isDirectory(name, err); !exists {
		return listErr
	}
	return errIsDirectory
}

// list returns the visible entries of a directory.
func (s *fileSystem) list(name string) ([]fs.DirEntry, error) {
	var nodes []*nodeInfo
	for entry, err := range s.files.List(s.ctx, &ListOptions{Prefix: s.prefix(name), Delimiter: "/"}) {
		if err != nil {
			return nil, err
		}
		if node, isVisible := s.node(name, entry); isVisible {
			nodes = append(nodes, node)
		}
	}
	// The order of a/ and a.txt differs with and without the delimiter. Of an object and a directory with the same name, the
	// object comes first, and stays.
	slices.SortStableFunc(nodes, func(a, b *nodeInfo) int { return strings.Compare(a.name, b.name) })
	nodes = slices.CompactFunc(nodes, func(a, b *nodeInfo) bool { return a.name == b.name })
	entries := make([]fs.DirEntry, len(nodes))
	for index, node := range nodes {
		entries[index] = fs.FileInfoToDirEntry(node)
	}
	return entries, nil
}

// node returns the entry of a directory for an entry of its listing. It is not visible if its name is not valid.
func (s *fileSystem) node(directory string, entry *FileInfo) (node *nodeInfo, isVisible bool) {
	name := strings.TrimPrefix(entry.Path, s.prefix(directory))
	below, isPrefix := strings.CutSuffix(name, "/")
	if name == "" || name == "." || !fs.ValidPath(below) || below == "." {
		return nil, false
	}
	if isPrefix {
		return directoryInfo(below), true
	}
	return &nodeInfo{name: name, object: entry}, true
}

// pathError returns an error with an operation and a path, unless it has them.
func pathError(operation, name string, err error) error {
	var found *fs.PathError
	if errors.As(err, &found) {
		return err
	}
	return &fs.PathError{Op: operation, Path: name, Err: err}
}
