package lakeport_test

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	lakeport "github.com/lakeport/lakeport/client/go"
)

func TestFileSystemPassesTheStandardSuite(t *testing.T) {
	l := newLake(t)
	names := []string{"a.txt", "a/1", "a/2", "a/b/3", "ab", "empty", "ü/☃"}
	for _, name := range names {
		write(t, l.main, name, strings.TrimPrefix(name, "empty"))
	}
	// These are not visible: the names are not valid in package fs, or a file has the same name.
	for _, hidden := range []string{"a/", "a//x", "./x", "../x", "ab/hidden"} {
		write(t, l.main, hidden, "hidden")
	}
	check(t, fstest.TestFS(l.main.FS(t.Context()), names...))
	tx := l.begin(t, nil)
	check(t, fstest.TestFS(tx.FS(t.Context())))
}

func TestEmptyFileSystemHasARoot(t *testing.T) {
	l := newLake(t)
	check(t, fstest.TestFS(l.main.FS(t.Context())))
}

func TestFileSystemErrors(t *testing.T) {
	l := newLake(t)
	write(t, l.main, "a/1", "one")
	system := l.main.FS(t.Context())
	for _, err := range []error{
		second(system.Open("missing")),
		second(fs.Stat(system, "missing")),
		second(fs.ReadFile(system, "missing")),
		second(fs.ReadDir(system, "missing")),
	} {
		var pathError *fs.PathError
		equal(t, errors.Is(err, fs.ErrNotExist), true)
		equal(t, errors.As(err, &pathError) && pathError.Path == "missing", true)
		equal(t, errors.Is(err, lakeport.ReasonObjectNotFound), true)
	}
	equal(t, errors.Is(second(system.Open("/a")), fs.ErrInvalid), true)
	for _, err := range []error{second(fs.ReadFile(system, "a")), second(fs.ReadDir(system, "a/1"))} {
		equal(t, err != nil && strings.Contains(err.Error(), "directory"), true)
	}
	_, err := fs.Stat(l.main.FS(canceled(t)), "a/1")
	equal(t, errors.Is(err, context.Canceled), true)
	sub, err := fs.Sub(system, "a")
	check(t, err)
	data, err := fs.ReadFile(sub, "1")
	check(t, err)
	equal(t, string(data), "one")
	check(t, fstest.TestFS(sub, "1"))
}

func TestOpenFileHasTheBytesOfOneVersion(t *testing.T) {
	l := newLake(t)
	write(t, l.main, "a", "0123456789")
	opened, err := l.main.FS(t.Context()).Open("a")
	check(t, err)
	info, err := opened.Stat()
	check(t, err)
	equal(t, info.Sys().(*lakeport.FileInfo).Path, "a")
	check(t, second(opened.(io.Seeker).Seek(-3, io.SeekEnd)))
	rest, err := io.ReadAll(opened)
	check(t, err)
	equal(t, string(rest), "789")
	check(t, second(opened.(io.Seeker).Seek(0, io.SeekStart)))
	write(t, l.main, "a", "changed")
	_, err = io.ReadAll(opened)
	equal(t, errors.Is(err, lakeport.ReasonETagMismatch), true)
	check(t, opened.Close())
	_, err = opened.Read(make([]byte, 1))
	equal(t, errors.Is(err, fs.ErrClosed), true)
}

// A directory may have only an object with the name of the directory and a slash, or objects with names that are not valid.
func TestDirectoriesWithoutVisibleObjectsAreWalked(t *testing.T) {
	l := newLake(t)
	write(t, l.main, "marked/", "")
	write(t, l.main, "odd//x", "one")
	var walked []string
	check(t, fs.WalkDir(l.main.FS(t.Context()), ".", func(path string, _ fs.DirEntry, err error) error {
		walked = append(walked, path)
		return err
	}))
	equal(t, strings.Join(walked, " "), ". marked odd")
	check(t, fstest.TestFS(l.main.FS(t.Context()), "marked", "odd"))
}
