package asice

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
)

// Extract reads a container and puts its files into a new directory dir, all
// or nothing: they are written beside it, in a hidden directory of a name of its
// own, synced, and moved into place with one rename when everything has been
// verified. Files are readable for their owner only.
//
// It is for a case system that wants the files on disk in the clear. After a
// crash the hidden directory (".asice-…") may be left behind, and holds what had
// come by then.
//
// The error is fs.ErrExist if dir is there already, else as of Read.
func Extract(r io.Reader, dir string, opt Options) (report Report, err error) {
	if _, err := os.Lstat(dir); !errors.Is(err, fs.ErrNotExist) {
		return report, &fs.PathError{Op: "extract", Path: dir, Err: fs.ErrExist}
	}
	parent := filepath.Dir(dir)
	hidden, err := os.MkdirTemp(parent, ".asice-*")
	if err != nil {
		return report, fmt.Errorf("asice: extracting: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(hidden))
		}
	}()
	root, err := os.OpenRoot(hidden) // a second line of defence; names are clean already
	if err != nil {
		return report, fmt.Errorf("asice: extracting: %w", err)
	}
	defer root.Close()
	report, err = Read(r, opt, func(name string, content io.Reader) error {
		return extractFile(root, name, content)
	})
	if err != nil {
		return report, err
	}
	if err := os.Rename(hidden, dir); err != nil {
		return report, fmt.Errorf("asice: extracting: %w", err)
	}
	return report, syncDirectory(parent)
}

func extractFile(root *os.Root, name string, content io.Reader) (err error) {
	local, err := filepath.Localize(name) // what this machine's file system cannot take is an error
	if err != nil {
		return &FileError{Name: name, Err: wrap(ErrName, "on this machine")}
	}
	if folder := path.Dir(name); folder != "." {
		if err := root.MkdirAll(filepath.FromSlash(folder), 0o700); err != nil {
			return &FileError{Name: name, Err: errors.New("asice: extracting: cannot make the folder")}
		}
	}
	f, err := root.OpenFile(local, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		if pe := new(fs.PathError); errors.As(err, &pe) {
			err = pe.Err // without the name
		}
		return &FileError{Name: name, Err: fmt.Errorf("asice: extracting: %w", err)}
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if _, err := io.Copy(f, content); err != nil {
		return err
	}
	return f.Sync()
}

func syncDirectory(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("asice: extracting: %w", err)
	}
	defer d.Close()
	if err := d.Sync(); err != nil {
		return fmt.Errorf("asice: extracting: %w", err)
	}
	return nil
}
