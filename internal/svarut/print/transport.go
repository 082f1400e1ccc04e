package print

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// Transport is where we and the supplier leave files for each other.
type Transport interface {
	// Koble opens it for some work, until ctx ends or Close.
	Koble(ctx context.Context) (Forbindelse, error)
}

// Forbindelse is an open Transport. Names are relative, with slashes. It is for one
// goroutine.
type Forbindelse interface {
	// Skriv stores r durably under navn and replaces what was there. After an error
	// a part of it may stand there.
	Skriv(navn string, r io.Reader) error
	// Flytt renames in one step and replaces what was there; fs.ErrNotExist.
	Flytt(fra, til string) error
	// Slett removes navn; nil when it is not there.
	Slett(navn string) error
	// Les reads a file of at most maks bytes, and maks+1 of a larger one; fs.ErrNotExist.
	Les(navn string, maks int64) ([]byte, error)
	// List names the files in mappe that end with endelse, at most maks of them, in
	// no order.
	List(mappe, endelse string, maks int) ([]string, error)
	// Mappe makes a folder, and those it is in, where it is missing.
	Mappe(navn string) error
	Close() error
}

// Folder is a Transport to a folder of this machine, which may be mounted from
// another. It must exist: a folder that is not mounted is not an empty one.
func Folder(dir string) Transport { return folder(dir) }

type folder string

func (f folder) Koble(context.Context) (Forbindelse, error) {
	rot, err := os.OpenRoot(string(f))
	if err != nil {
		return nil, fmt.Errorf("opening the print folder: %w", err)
	}
	return lokal{rot}, nil
}

// lokal is a Forbindelse that cannot leave its folder.
type lokal struct{ rot *os.Root }

func (l lokal) Close() error { return l.rot.Close() }

func (l lokal) Skriv(navn string, r io.Reader) (err error) {
	f, err := l.rot.OpenFile(filepath.FromSlash(navn), os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o660)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if _, err := io.Copy(f, r); err != nil {
		return err
	}
	return f.Sync()
}

func (l lokal) Flytt(fra, til string) error {
	if err := l.rot.Rename(filepath.FromSlash(fra), filepath.FromSlash(til)); err != nil {
		return err
	}
	if err := l.sync(path.Dir(til)); err != nil {
		return err
	}
	if path.Dir(fra) == path.Dir(til) {
		return nil
	}
	return l.sync(path.Dir(fra))
}

func (l lokal) sync(mappe string) error {
	d, err := l.rot.Open(filepath.FromSlash(mappe))
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

func (l lokal) Slett(navn string) error {
	if err := l.rot.Remove(filepath.FromSlash(navn)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

func (l lokal) Les(navn string, maks int64) ([]byte, error) {
	f, err := l.rot.Open(filepath.FromSlash(navn))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, maks+1))
}

func (l lokal) List(mappe, endelse string, maks int) ([]string, error) {
	if mappe == "" {
		mappe = "."
	}
	d, err := l.rot.Open(filepath.FromSlash(mappe))
	if err != nil {
		return nil, err
	}
	defer d.Close()
	var ut []string
	for len(ut) < maks {
		poster, err := d.ReadDir(256)
		for _, p := range poster {
			if p.Type().IsRegular() && strings.HasSuffix(p.Name(), endelse) && len(ut) < maks {
				ut = append(ut, p.Name())
			}
		}
		if err == io.EOF {
			break
		} else if err != nil {
			return nil, err
		}
	}
	return ut, nil
}

func (l lokal) Mappe(navn string) error { return l.rot.MkdirAll(filepath.FromSlash(navn), 0o770) }
