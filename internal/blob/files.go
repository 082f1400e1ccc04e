package blob

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
)

// files is the Backend in a folder: dir/ab/cd/abcd….blob, and dir/tmp/ for what
// is being written.
type files struct {
	dir string
	mu  sync.Mutex // makes "not there, so rename" one step
}

const (
	tmpDir     = "tmp"
	ext        = ".blob"
	tmpLevetid = 24 * time.Hour
)

// Files is the Backend in a folder: temporary name, fsync, rename, fsync of the folder.
// Names must be UUIDs. Half-written files older than a day are removed here.
// The folder belongs to one process.
func Files(dir string) (Backend, error) {
	tmp := filepath.Join(dir, tmpDir)
	if err := os.MkdirAll(tmp, 0o700); err != nil {
		return nil, fmt.Errorf("blob: opening folder: %w", err)
	}
	old, err := os.ReadDir(tmp)
	if err != nil {
		return nil, fmt.Errorf("blob: opening folder: %w", err)
	}
	for _, e := range old {
		if info, err := e.Info(); err == nil && time.Since(info.ModTime()) > tmpLevetid {
			_ = os.Remove(filepath.Join(tmp, e.Name()))
		}
	}
	return &files{dir: dir}, nil
}

func (f *files) path(name string) (string, error) {
	id, err := uuid.Parse(name)
	if err != nil || id.String() != name {
		return "", fmt.Errorf("blob: %q is not a name", name)
	}
	return filepath.Join(f.dir, name[:2], name[2:4], name+ext), nil
}

func (f *files) Put(ctx context.Context, name string, r io.Reader) (err error) {
	path, err := f.path(name)
	if err != nil {
		return err
	}
	tmp, err := os.CreateTemp(filepath.Join(f.dir, tmpDir), name+"-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = tmp.Close() // a second Close does no harm
			_ = os.Remove(tmp.Name())
		}
	}()
	if _, err = io.CopyBuffer(onlyWriter{tmp}, ctxReader{ctx, r}, make([]byte, spillBuffer)); err != nil {
		return err
	}
	if err = tmp.Sync(); err != nil {
		return err
	}
	if err = tmp.Close(); err != nil {
		return err
	}
	if err = f.makeFolders(filepath.Dir(path)); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, err = os.Lstat(path); err == nil {
		return ErrFinnesAllerede
	} else if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err = os.Rename(tmp.Name(), path); err != nil {
		return err
	}
	if err = syncFolder(filepath.Dir(path)); err != nil {
		_ = os.Remove(path)
	}
	return err
}

// makeFolders makes the two levels of folders durably.
func (f *files) makeFolders(dir string) error {
	if _, err := os.Stat(dir); err == nil {
		return nil
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	if err := syncFolder(filepath.Dir(dir)); err != nil {
		return err
	}
	return syncFolder(f.dir)
}

func syncFolder(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

func (f *files) Get(_ context.Context, name string, offset int64) (io.ReadCloser, error) {
	path, err := f.path(name)
	if err != nil {
		return nil, err
	}
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ErrIkkeFunnet
	}
	if err != nil {
		return nil, err
	}
	if _, err := file.Seek(offset, io.SeekStart); err != nil {
		_ = file.Close()
		return nil, err
	}
	return file, nil
}

func (f *files) Delete(_ context.Context, name string) error {
	path, err := f.path(name)
	if err != nil {
		return err
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

func (f *files) List(ctx context.Context, fn func(name string, written int64) error) error {
	return filepath.WalkDir(f.dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			if errors.Is(err, fs.ErrNotExist) { // removed since
				return nil
			}
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		name, isBlob := strings.CutSuffix(e.Name(), ext)
		if e.IsDir() || !isBlob {
			return nil
		}
		info, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		return fn(name, info.ModTime().UnixMicro())
	})
}

// ctxReader stops a copy when ctx ends.
type ctxReader struct {
	ctx context.Context
	r   io.Reader
}

func (c ctxReader) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.Read(p)
}

// onlyWriter hides ReadFrom, so that the copy uses the given buffer.
type onlyWriter struct{ io.Writer }
