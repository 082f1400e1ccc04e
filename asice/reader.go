package asice

import (
	"bytes"
	"compress/flate"
	"crypto"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"net/url"
	"slices"
	"strings"
)

// wrap adds detail to one of the package's errors.
func wrap(err error, format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{err}, args...)...)
}

// Read goes through a container once and calls fn with each file's name and
// content in the archive's order, fn nil for none. The content may be used only
// until fn returns; what fn leaves unread is read past.
//
// The digests and the signature are known only at the end. So nothing that fn
// got may be committed, shown or acted upon before Read has returned nil.
//
// The error is fn's own as it is, or one of this package, or of r wrapped. The
// report goes as far as the reading came.
func Read(r io.Reader, opt Options, fn func(name string, content io.Reader) error) (Report, error) {
	// A manifest that asks for another digest than SHA-256 comes when the files
	// have gone by, and the stream cannot be asked again.
	digests := []crypto.Hash{crypto.SHA256, crypto.SHA384, crypto.SHA512}
	if opt.Strict {
		digests = digests[:1]
	}
	c, err := read(r, opt, digests, fn)
	return c.Report, err
}

// Container is a verified container whose files can be opened.
type Container struct {
	Report Report
	r      io.ReaderAt
	files  []*file
}

// Open verifies a container of size bytes in r, all digests and signatures, in
// one pass and bounded memory (two passes if a manifest uses another digest
// than SHA-256). r must not change as long as the Container is used.
func Open(r io.ReaderAt, size int64, opt Options) (*Container, error) {
	digests := []crypto.Hash{crypto.SHA256}
	c, err := read(io.NewSectionReader(r, 0, size), opt, digests, nil)
	if errors.Is(err, errNotDigested) {
		c, err = read(io.NewSectionReader(r, 0, size), opt, append(digests, crypto.SHA384, crypto.SHA512), nil)
	}
	if err != nil {
		return nil, err
	}
	c.r = r
	return c, nil
}

// Open returns the content of a file, named as in Report.Files. What is read is
// checked again: if r changed since, the last Read returns ErrDigest instead of
// io.EOF. ErrMissing if there is no such file. Files may be open at the same
// time.
func (c *Container) Open(name string) (io.ReadCloser, error) {
	for i, f := range c.files {
		if f.name != name {
			continue
		}
		var src io.Reader = io.NewSectionReader(c.r, f.data, f.compressed)
		if f.method == methodDeflated {
			src = flate.NewReader(newSource(src))
		}
		// One byte more than expected is let through, so that it spoils the digest.
		return io.NopCloser(&checkedReader{
			src: io.LimitReader(src, f.size+1), digest: sha256.New(), want: c.Report.Files[i].SHA256, entry: f.entry,
		}), nil
	}
	return nil, &FileError{Name: name, Err: ErrMissing}
}

type checkedReader struct {
	src    io.Reader
	digest hash.Hash
	want   [sha256.Size]byte
	entry  *entry
}

func (r *checkedReader) Read(p []byte) (int, error) {
	n, err := r.src.Read(p)
	r.digest.Write(p[:n])
	switch {
	case err == io.EOF && !bytes.Equal(r.digest.Sum(nil), r.want[:]):
		err = r.entry.fail(ErrDigest)
	case err != nil && err != io.EOF:
		err = r.entry.fail(fmt.Errorf("asice: reading: %w", err))
	}
	return n, err
}

// file is a payload file as read.
type file struct {
	*entry
	digests map[crypto.Hash][]byte
	covered bool
}

// errNotDigested: a manifest uses a digest that was not computed on the way.
var errNotDigested = wrap(ErrDigestMethod, "not computed")

// read is what Read and Open share. The container is never nil.
func read(r io.Reader, opt Options, digests []crypto.Hash, fn func(string, io.Reader) error) (*Container, error) {
	c := &Container{}
	limits := opt.Limits.withDefaults()
	s := newScanner(r, limits)
	metadata := make(map[string][]byte)
	hashes := make([]hash.Hash, len(digests))
	writers := make([]io.Writer, len(digests))
	for i, h := range digests {
		hashes[i] = h.New()
		writers[i] = hashes[i]
	}
	all := io.MultiWriter(writers...)
	buf := make([]byte, 64<<10)

	for {
		e, content, err := s.next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return c, err
		}
		switch {
		case e.name == mimetypeName:
			err = checkMimetype(e, content, opt.Strict)
		case opt.Strict && e.number == 1:
			err = e.fail(wrap(ErrContainerType, "mimetype is not the first entry"))
		case e.isMeta:
			err = readMetadata(e, content, metadata)
		default:
			if fault := nameFault(e.name); fault != "" {
				return c, e.fail(wrap(ErrName, "%s", fault))
			}
			for _, h := range hashes {
				h.Reset()
			}
			tee := &teeReader{content, all}
			if fn != nil {
				if err := fn(e.name, tee); err != nil {
					return c, err
				}
			}
			if _, err = io.CopyBuffer(struct{ io.Writer }{io.Discard}, tee, buf); err != nil {
				break
			}
			f := &file{entry: e, digests: make(map[crypto.Hash][]byte)}
			for i, h := range hashes {
				f.digests[digests[i]] = h.Sum(nil)
			}
			c.files = append(c.files, f)
			c.Report.Files = append(c.Report.Files, FileInfo{
				Name: e.name, Size: e.size, SHA256: [sha256.Size]byte(f.digests[crypto.SHA256]),
			})
		}
		if err != nil {
			return c, err
		}
	}
	return c, c.verify(metadata, opt, limits)
}

// teeReader is io.TeeReader without the way to the content's other methods.
type teeReader struct {
	r io.Reader
	w io.Writer
}

func (t *teeReader) Read(p []byte) (int, error) {
	n, err := t.r.Read(p)
	t.w.Write(p[:n]) //nolint:errcheck // hashes do not fail
	return n, err
}

func checkMimetype(e *entry, content io.Reader, strict bool) error {
	b, err := io.ReadAll(io.LimitReader(content, int64(len(MediaType))+1))
	if err != nil {
		return err
	}
	if string(b) != MediaType {
		return ErrContainerType
	}
	if strict && (e.number != 1 || e.method != methodStored || e.hasExtra || e.flags&flagDescriptor != 0) {
		return wrap(ErrContainerType, "mimetype entry is not first, stored and bare")
	}
	return nil
}

type metadataKind int

const (
	unknownMetadata metadataKind = iota
	asicManifest
	cadesSignature
	xadesSignature
	openDocumentManifest
)

// kindOfMetadata tells what a META-INF entry is, as the Java reader sees it.
func kindOfMetadata(name string) metadataKind {
	base := strings.ToLower(strings.TrimPrefix(name, metaInf))
	is := func(prefix, suffix string) bool {
		return len(base) >= len(prefix)+len(suffix) && strings.HasPrefix(base, prefix) && strings.HasSuffix(base, suffix)
	}
	switch {
	case strings.Contains(base, "/"):
		return unknownMetadata
	case base == "manifest.xml":
		return openDocumentManifest
	case is("asicmanifest", ".xml"):
		return asicManifest
	case is("signature", ".p7s"):
		return cadesSignature
	case is("signatures", ".xml"):
		return xadesSignature
	}
	return unknownMetadata
}

func readMetadata(e *entry, content io.Reader, metadata map[string][]byte) error {
	if kindOfMetadata(e.name) == unknownMetadata {
		return e.fail(ErrMetadata)
	}
	b, err := io.ReadAll(content)
	if err != nil {
		return err
	}
	metadata[e.name] = b
	return nil
}

// verify judges files and metadata when all has been read, and completes the
// report.
func (c *Container) verify(metadata map[string][]byte, opt Options, limits Limits) error {
	if len(c.files) == 0 {
		return ErrEmpty
	}
	var manifests, signatures []string
	xades := false
	for name := range metadata {
		switch kindOfMetadata(name) {
		case asicManifest:
			manifests = append(manifests, name)
		case cadesSignature:
			signatures = append(signatures, name)
		case xadesSignature:
			xades = true
		}
	}
	slices.Sort(manifests)
	slices.Sort(signatures)
	if len(manifests) == 0 {
		if xades {
			return wrap(ErrUnsupported, "signed with XAdES only")
		}
		return wrap(ErrManifest, "missing")
	}
	referred := make(map[string]bool)
	unsigned := 0
	for _, name := range manifests {
		if opt.Strict && !strings.EqualFold(name, metaInf+"ASiCManifest.xml") {
			return wrap(ErrManifest, "numbered")
		}
		m, err := parseManifest(metadata[name], limits.Files)
		if err != nil {
			return err
		}
		sig := Signature{Manifest: name, Entry: m.signature}
		if m.signature == "" {
			unsigned++
		} else {
			signature, ok := metadata[m.signature]
			if !ok || kindOfMetadata(m.signature) != cadesSignature {
				return wrap(ErrSignature, "the one that the manifest refers to is missing")
			}
			if referred[m.signature] {
				return wrap(ErrSignature, "one for two manifests")
			}
			referred[m.signature] = true
			if sig.Signers, err = verify(metadata[name], signature); err != nil {
				c.Report.Signatures = append(c.Report.Signatures, sig)
				return err
			}
		}
		if sig.Files, err = c.checkReferences(m, opt); err != nil {
			return err
		}
		if m.signature != "" {
			c.Report.Signatures = append(c.Report.Signatures, sig)
		}
	}
	for _, name := range signatures {
		if !referred[name] {
			return wrap(ErrSignature, "belongs to no manifest")
		}
	}
	if unsigned > 0 && (unsigned < len(manifests) || !opt.AllowUnsigned || opt.Strict) {
		return ErrUnsigned
	}
	for _, f := range c.files {
		if !f.covered {
			return f.fail(ErrUnlisted)
		}
	}
	return nil
}

// checkReferences compares the files with one manifest and returns the names
// of those that it covers.
func (c *Container) checkReferences(m *manifest, opt Options) ([]string, error) {
	byName := make(map[string]int, len(c.files))
	for i, f := range c.files {
		byName[f.name] = i
	}
	seen := make(map[string]bool, len(m.refs))
	var names []string
	for _, ref := range m.refs {
		i, ok := byName[ref.uri]
		if !ok { // the standard has URIs there, and some percent-encode them
			if decoded, err := url.PathUnescape(ref.uri); err == nil {
				i, ok = byName[decoded]
			}
		}
		if !ok {
			return nil, &FileError{Name: ref.uri, Err: ErrMissing}
		}
		f, info := c.files[i], &c.Report.Files[i]
		digest, computed := f.digests[ref.hash]
		switch {
		case ref.hash == 0, opt.Strict && ref.hash != crypto.SHA256:
			return nil, f.fail(ErrDigestMethod)
		case !computed:
			return nil, errNotDigested
		case !bytes.Equal(digest, ref.digest):
			return nil, f.fail(ErrDigest)
		}
		f.covered = true
		info.Rootfile = info.Rootfile || ref.rootfile
		if info.MimeType == "" {
			info.MimeType = ref.mimetype
		}
		if !seen[f.name] {
			seen[f.name] = true
			names = append(names, f.name)
		}
	}
	return names, nil
}
