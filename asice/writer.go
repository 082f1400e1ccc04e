package asice

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"crypto"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"io"
	"mime"
	"strings"
	"time"

	"github.com/google/uuid"
)

// Key is what a container is signed with, on behalf of the sending
// organisation (its virksomhetssertifikat).
type Key struct {
	// Signer holds the private key, RSA or ECDSA.
	Signer crypto.Signer
	// Chain starts with the signer's certificate. All of it is put into the
	// signature.
	Chain []*x509.Certificate
}

// WriterOptions are a writer's choices. The zero value is good.
type WriterOptions struct {
	// Time is the signing time and the time of the zip entries. Default now.
	Time time.Time
}

// Writer packs files into a container, one after another, and signs them at
// the end. It is not for concurrent use. The first error stays: all later calls
// return it and the container is never completed.
type Writer struct {
	zip   *zip.Writer
	key   Key
	time  time.Time
	level int // of the next entry, read by the compressor that Create sets up
	files []manifestFile
	names map[string]bool
	open  *fileWriter
	buf   []byte
	err   error
}

var errClosed = errors.New("asice: writer already closed")

// NewWriter begins a container on w. The error is ErrSigner if the key is neither RSA nor ECDSA or is not
// the certificate's.
func NewWriter(w io.Writer, key Key, opt WriterOptions) (*Writer, error) {
	if err := checkKey(key); err != nil {
		return nil, err
	}
	if opt.Time.IsZero() {
		opt.Time = time.Now()
	}
	aw := &Writer{zip: zip.NewWriter(w), key: key, time: opt.Time.UTC(), names: make(map[string]bool)}
	var deflaters [2]*flate.Writer // reused from file to file: one costs more than a megabyte
	aw.zip.RegisterCompressor(zip.Deflate, func(out io.Writer) (io.WriteCloser, error) {
		d := &deflaters[aw.level]
		if *d != nil {
			(*d).Reset(out)
			return *d, nil
		}
		var err error
		*d, err = flate.NewWriter(out, aw.level)
		return *d, err
	})
	if err := aw.writeMimetype(); err != nil {
		return nil, fmt.Errorf("asice: writing mimetype: %w", err)
	}
	return aw, aw.zip.SetComment("mimetype=" + MediaType)
}

// writeMimetype writes the entry by which `file` and strict validators know a
// container: stored, no data descriptor, no extra field.
func (w *Writer) writeMimetype() error {
	h := w.header(mimetypeName)
	h.Method = zip.Store
	h.CreatorVersion, h.ReaderVersion = h.CreatorVersion|20, 20
	h.Comment = "mimetype=" + MediaType
	h.CRC32 = crc32.ChecksumIEEE([]byte(MediaType))
	h.CompressedSize64 = uint64(len(MediaType))
	h.UncompressedSize64 = uint64(len(MediaType))
	out, err := w.zip.CreateRaw(h)
	if err != nil {
		return err
	}
	_, err = io.WriteString(out, MediaType)
	return err
}

// header sets the time in the fields that make no extra field, and says that the
// entry was made on Unix: else Info-ZIP's unzip takes the name for DOS's character
// set, whatever the flag says.
func (w *Writer) header(name string) *zip.FileHeader {
	t := w.time
	year := min(max(t.Year(), 1980), 2107)
	h := &zip.FileHeader{
		Name:         name,
		Method:       zip.Deflate,
		Flags:        1 << 11, // the name is UTF-8
		ModifiedDate: uint16((year-1980)<<9 | int(t.Month())<<5 | t.Day()),
		ModifiedTime: uint16(t.Hour()<<11 | t.Minute()<<5 | t.Second()/2),
	}
	h.SetMode(0o644)
	return h
}

// fileWriter takes the content of one file.
type fileWriter struct {
	w      *Writer
	out    io.Writer
	digest hash.Hash
}

func (f *fileWriter) Write(p []byte) (int, error) {
	if f.w.err != nil {
		return 0, f.w.err
	}
	if f.w.open != f {
		return 0, errors.New("asice: write to a file that is no longer open")
	}
	f.digest.Write(p)
	n, err := f.out.Write(p)
	if err != nil {
		f.w.err = fmt.Errorf("asice: writing: %w", err)
	}
	return n, f.w.err
}

// Create begins the next file; its content is written to the returned Writer
// until the next call of Create, Add or Close. An empty mimetype is told by the
// name's extension. Errors: ErrName, ErrDuplicate, ErrMediaType and ErrTooMany
// leave the container as it was; those of the underlying writer end it.
func (w *Writer) Create(name, mimetype string) (io.Writer, error) {
	if w.err != nil {
		return nil, w.err
	}
	if mimetype == "" {
		mimetype = MimeTypeByName(name)
	}
	number := len(w.files) + 2
	if err := CheckName(name); err != nil {
		return nil, err
	}
	if w.names[name] {
		return nil, &FileError{Number: number, Name: name, Err: ErrDuplicate}
	}
	if t, _, err := mime.ParseMediaType(mimetype); err != nil || t == "" || strings.ContainsFunc(mimetype, forbiddenRune) {
		return nil, &FileError{Number: number, Name: name, Err: ErrMediaType}
	}
	if len(w.files) >= (Limits{}).withDefaults().Files-4 { // the four that are not files
		return nil, ErrTooMany
	}
	w.finishFile()
	// Level 1: two to three times as fast as the default for a few per cent of
	// size. What is compressed already goes in stored deflate blocks: nearly the
	// speed of a copy, yet one method and one layout for every reader, since an
	// entry of zip method "stored" cannot be streamed (no one could tell where it
	// ends).
	w.level = flate.BestSpeed
	if isCompressed(mimetype) {
		w.level = flate.NoCompression
	}
	out, err := w.zip.CreateHeader(w.header(name))
	if err != nil {
		w.err = fmt.Errorf("asice: writing: %w", err)
		return nil, w.err
	}
	w.names[name] = true
	w.files = append(w.files, manifestFile{name: name, mimetype: mimetype})
	w.open = &fileWriter{w: w, out: out, digest: sha256.New()}
	return w.open, nil
}

func (w *Writer) finishFile() {
	if w.open != nil {
		w.open.digest.Sum(w.files[len(w.files)-1].digest[:0])
		w.open = nil
	}
}

// Add writes one file from r to its end. If r fails, so does the container.
// See Create.
func (w *Writer) Add(name, mimetype string, r io.Reader) error {
	f, err := w.Create(name, mimetype)
	if err != nil {
		return err
	}
	if w.buf == nil {
		w.buf = make([]byte, 64<<10)
	}
	// Hiding everything but Read keeps the copy in this one buffer.
	if _, err := io.CopyBuffer(f, struct{ io.Reader }{r}, w.buf); err != nil {
		if w.err == nil {
			w.err = &FileError{Number: len(w.files) + 1, Name: name, Err: fmt.Errorf("asice: adding: %w", err)}
		}
		return w.err
	}
	return nil
}

// Close signs and completes the container. It does not close the underlying
// writer. To abandon a container, do not call Close: what was written until
// then cannot be mistaken for a whole one. ErrEmpty if there are no files.
func (w *Writer) Close() error {
	if w.err != nil {
		return w.err
	}
	if len(w.files) == 0 {
		w.err = ErrEmpty
		return w.err
	}
	w.finishFile()
	if err := w.finish(); err != nil {
		w.err = fmt.Errorf("asice: completing: %w", err)
		return w.err
	}
	w.err = errClosed
	return nil
}

func (w *Writer) finish() error {
	id, err := uuid.NewRandom()
	if err != nil {
		return err
	}
	signatureName := metaInf + "signature-" + id.String() + ".p7s"
	manifest := formatManifest(signatureName, w.files)
	signature, err := sign(manifest, w.key, w.time)
	if err != nil {
		return err
	}
	w.level = flate.BestSpeed
	for _, m := range []struct {
		name    string
		content []byte
	}{
		{metaInf + "ASiCManifest.xml", manifest},
		{signatureName, signature},
		{metaInf + "manifest.xml", formatOpenDocumentManifest(w.files)},
	} {
		out, err := w.zip.CreateHeader(w.header(m.name))
		if err != nil {
			return err
		}
		if _, err := io.Copy(out, bytes.NewReader(m.content)); err != nil {
			return err
		}
	}
	return w.zip.Close()
}
