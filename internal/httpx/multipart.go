package httpx

import (
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"strings"

	"knutepunkt/internal/feil"
)

// Metadata describes one uploaded file (Digisos wire contract §1.2); all three
// are required on the wire.
type Metadata struct {
	Filnavn   string `json:"filnavn"`
	Mimetype  string `json:"mimetype"`
	Storrelse int64  `json:"storrelse"` // bytes of plaintext, as the sender says
}

// Par is one uploaded file with its metadata.
type Par struct {
	Metadata Metadata
	Ref      any // what Opplasting.Fil returned for the file
}

// Opplasting reads a multipart/form-data request by order and file-ness, never
// by part names alone, streaming each file as it comes.
type Opplasting struct {
	// JSON names the endpoint's own JSON parts (each may have several
	// spellings, the first is the canonical one) and whether they are required.
	JSON []JSONDel
	// Fil takes one file while it streams and returns a reference to what was
	// stored (put into Par.Ref). Metadata is nil when none with the file's name
	// has come yet; what Par holds in the end is what counts. An error from
	// reading r is reported as the caller's fault whatever Fil makes of it.
	// On an error Fil has discarded what it stored of that file itself; nil
	// makes every file feil.Ugyldig.
	Fil func(filnavn string, meta *Metadata, r io.Reader) (any, error)
	// MaxJSON bounds a JSON part (default 10 MiB; metadata has 64 KiB), MaxFiler the
	// number of files (default 1000), MaxBytes the whole body (0: no limit).
	MaxJSON  int64
	MaxFiler int
	MaxBytes int64
	// IkkeMultipart is what a body that is not multipart gets:
	// int(feil.FeilMediatype) (415) on the send endpoints, else feil.Ugyldig (400).
	IkkeMultipart int
}

// JSONDel is one JSON part of an endpoint.
type JSONDel struct {
	Navn    []string
	Paakrev bool
}

// Innhold is a request that was read.
type Innhold struct {
	JSON map[string][]byte
	Par  []Par
	// Filer holds each Ref that Fil returned, paired or not.
	Filer []any
}

const (
	defaultMaxJSON  = 10 << 20
	defaultMaxFiler = 1000
	maxMetadata     = 64 << 10
	maxPartHeader   = 64 << 10
	maxNavn         = 255 // characters in a file name
)

// Les reads the whole request. JSON parts come back by canonical name, byte for
// byte; files in the order of the request, each paired by the rules of the
// wire contract §1.2: a file takes the oldest metadata with its own name, before
// or after it; those left over pair in order. feil.Ugyldig for a body that is
// cut, out of order, incomplete or has a name that cannot be one; feil.ForStor
// above a limit; errors of Fil as they are. On error everything that Fil
// returned is in Filer of the returned result too, so that the caller can
// discard it.
func (o Opplasting) Les(r *http.Request) (Innhold, error) {
	l := leser{o: o, inn: Innhold{JSON: map[string][]byte{}}}
	value, ps := params(r.Header.Get("Content-Type"))
	wants415 := o.IkkeMultipart == int(feil.FeilMediatype) || o.IkkeMultipart == http.StatusUnsupportedMediaType
	switch {
	case value != "multipart/form-data" && wants415:
		return l.inn, feil.Ny(feil.FeilMediatype, "Forespørselen må være multipart/form-data")
	case value != "multipart/form-data":
		return l.inn, feil.Ny(feil.Ugyldig, "Forespørselen må være multipart/form-data")
	case ps["boundary"] == "" || len(ps["boundary"]) > 200:
		return l.inn, feil.Ny(feil.Ugyldig, "Content-Type mangler gyldig boundary")
	}
	if l.o.MaxJSON <= 0 {
		l.o.MaxJSON = defaultMaxJSON
	}
	if l.o.MaxFiler <= 0 {
		l.o.MaxFiler = defaultMaxFiler
	}
	var src io.Reader = r.Body
	if r.Body == nil {
		src = strings.NewReader("")
	}
	if o.MaxBytes > 0 {
		src = &capped{r: src, max: o.MaxBytes, left: o.MaxBytes}
	}
	// The end of the body before the closing boundary is never a clean end: the
	// multipart reader takes one inside a part's headers for it. The line break
	// is for a closing boundary that came without.
	l.src = &sticky{r: io.MultiReader(src, strings.NewReader("\r\n"), cut{})}
	err := l.les(multipart.NewReader(l.src, ps["boundary"]))
	return l.inn, err
}

// leser is the state of one Les.
type leser struct {
	o     Opplasting
	src   *sticky
	inn   Innhold
	begun bool // the first pair has begun
	metas []*metaDel
	filer []filDel
}

type metaDel struct {
	Metadata
	brukt bool
}

type filDel struct {
	navn string
	meta *metaDel
	ref  any
}

func (l *leser) les(mr *multipart.Reader) error {
	for parts := 0; ; parts++ {
		// Raw: the bytes are what was sent, whatever a transfer encoding claims.
		l.src.limit(maxPartHeader)
		p, err := mr.NextRawPart()
		l.src.limit(0)
		if err == io.EOF { // the closing boundary
			break
		}
		if err != nil {
			return l.readError(err)
		}
		if parts >= 2*l.o.MaxFiler+len(l.o.JSON) {
			return feil.Ny(feil.ForStor, "For mange deler i forespørselen (høyst %d filer)", l.o.MaxFiler)
		}
		d := parseDisposition(p.Header.Get("Content-Disposition"))
		if !d.valid {
			return feil.Ny(feil.Ugyldig, "En del mangler gyldig Content-Disposition")
		}
		del := l.jsonDel(d.name)
		switch {
		case del != "" && !l.begun:
			err = l.lesJSON(del, p)
		case del != "" && !d.isFile:
			err = feil.Ny(feil.Ugyldig, "Delen %s må komme før filene", del)
		case d.isFile:
			// Also a citizen's file that happens to be called as a JSON part.
			l.begun = true
			err = l.lesFil(d.filename, p)
		default:
			l.begun = true
			err = l.lesMetadata(d.name, p)
		}
		if err != nil {
			return err
		}
		// What Fil left unread; a cut body shows here or at the next part.
		if _, err := io.Copy(io.Discard, p); err != nil {
			return l.readError(err)
		}
	}
	for _, del := range l.o.JSON {
		if _, ok := l.inn.JSON[del.Navn[0]]; del.Paakrev && !ok {
			return feil.Ny(feil.Ugyldig, "Forespørselen mangler delen %s", del.Navn[0])
		}
	}
	return l.par()
}

// jsonDel is the canonical name of the endpoint's JSON part of that name, or "".
func (l *leser) jsonDel(navn string) string {
	for _, del := range l.o.JSON {
		for _, n := range del.Navn {
			if n == navn {
				return del.Navn[0]
			}
		}
	}
	return ""
}

func (l *leser) lesJSON(del string, p io.Reader) error {
	if _, dup := l.inn.JSON[del]; dup {
		return feil.Ny(feil.Ugyldig, "Delen %s finnes mer enn én gang", del)
	}
	b, err := readLimited(p, l.o.MaxJSON)
	if errors.Is(err, errTooLarge) {
		return feil.Ny(feil.ForStor, "Delen %s er for stor", del)
	}
	if err != nil {
		return l.readError(err)
	}
	l.inn.JSON[del] = b
	return nil
}

func (l *leser) lesMetadata(del string, p io.Reader) error {
	if len(l.metas) >= l.o.MaxFiler {
		return feil.Ny(feil.ForStor, "For mange filer i forespørselen (høyst %d)", l.o.MaxFiler)
	}
	b, err := readLimited(p, min(maxMetadata, l.o.MaxJSON))
	if errors.Is(err, errTooLarge) {
		return feil.Ny(feil.Ugyldig, "En del uten filnavn er verken kjent JSON-del eller metadata")
	}
	if err != nil {
		return l.readError(err)
	}
	var m struct {
		Filnavn   *string `json:"filnavn"`
		Mimetype  *string `json:"mimetype"`
		Storrelse *int64  `json:"storrelse"`
	}
	if err := UnmarshalJSON(b, &m); err != nil {
		return feil.Ny(feil.Ugyldig, "Ugyldig metadata: ventet JSON med filnavn, mimetype og storrelse").Med(err)
	}
	if m.Filnavn == nil || m.Mimetype == nil || m.Storrelse == nil || *m.Storrelse < 0 {
		return feil.Ny(feil.Ugyldig, "Ugyldig metadata: filnavn, mimetype og storrelse er påkrevd")
	}
	if err := gyldigNavn(*m.Filnavn); err != nil {
		return err
	}
	meta := &metaDel{Metadata: Metadata{*m.Filnavn, *m.Mimetype, *m.Storrelse}}
	l.metas = append(l.metas, meta)
	for i := range l.filer { // a file that came before its metadata
		if f := &l.filer[i]; f.meta == nil && f.navn == meta.Filnavn {
			f.meta, meta.brukt = meta, true
			break
		}
	}
	return nil
}

func (l *leser) lesFil(navn string, p io.Reader) error {
	if len(l.filer) >= l.o.MaxFiler {
		return feil.Ny(feil.ForStor, "For mange filer i forespørselen (høyst %d)", l.o.MaxFiler)
	}
	if err := gyldigNavn(navn); err != nil {
		return err
	}
	if l.o.Fil == nil {
		return feil.Ny(feil.Ugyldig, "Forespørselen skal ikke inneholde filer")
	}
	f := filDel{navn: navn}
	var known *Metadata
	for _, m := range l.metas {
		if !m.brukt && m.Filnavn == navn {
			m.brukt, f.meta = true, m
			known = &Metadata{m.Filnavn, m.Mimetype, m.Storrelse}
			break
		}
	}
	part := &sticky{r: p}
	ref, err := l.o.Fil(navn, known, part)
	if part.err != nil { // more true than what Fil makes of it
		if err == nil {
			l.inn.Filer = append(l.inn.Filer, ref)
		}
		return l.readError(part.err)
	}
	if err != nil {
		return err
	}
	f.ref = ref
	l.filer = append(l.filer, f)
	l.inn.Filer = append(l.inn.Filer, ref)
	return nil
}

// par gives the files that found no metadata of their name the oldest that is
// left, in order, and refuses what is left alone.
func (l *leser) par() error {
	next := 0
	for i := range l.filer {
		f := &l.filer[i]
		for f.meta == nil {
			if next == len(l.metas) {
				return feil.Ny(feil.Ugyldig, "Fil nummer %d mangler metadata", i+1)
			}
			if m := l.metas[next]; !m.brukt {
				f.meta, m.brukt = m, true
			}
			next++
		}
		l.inn.Par = append(l.inn.Par, Par{Metadata: f.meta.Metadata, Ref: f.ref})
	}
	for i, m := range l.metas {
		if !m.brukt {
			return feil.Ny(feil.Ugyldig, "Metadata nummer %d mangler fil", i+1)
		}
	}
	return nil
}

// readError gives an error of the multipart reader its kind. What the body
// itself reported says more than what multipart made of it.
func (l *leser) readError(err error) error {
	if l.src.err != nil {
		err = l.src.err
	}
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return bodyError(err)
	}
	return feil.Ny(feil.Ugyldig, "Forespørselen er ikke gyldig multipart/form-data, eller ble avbrutt").
		Med(fmt.Errorf("reading multipart: %w", err))
}

var errPartHeader = errors.New("the headers of a part are above the size limit")

// gyldigNavn refuses file names that could be taken for a path, or that no
// file can have.
func gyldigNavn(navn string) error {
	switch {
	case navn == "":
		return feil.Ny(feil.Ugyldig, "Filnavn mangler")
	case len([]rune(navn)) > maxNavn:
		return feil.Ny(feil.Ugyldig, "Filnavnet er for langt (høyst %d tegn)", maxNavn)
	case navn == "." || navn == ".." || strings.ContainsFunc(navn, func(c rune) bool {
		return c == '/' || c == '\\' || c < ' ' || c == 0x7f
	}):
		return feil.Ny(feil.Ugyldig, "Filnavnet inneholder tegn som ikke er tillatt")
	}
	return nil
}

// sticky remembers the first error other than EOF, and can bound what is read.
type sticky struct {
	r    io.Reader
	err  error
	left int64 // when limited
	on   bool
}

// limit lets at most n more bytes through; 0 takes the limit away.
func (s *sticky) limit(n int64) { s.left, s.on = n, n > 0 }

func (s *sticky) Read(p []byte) (int, error) {
	if s.err != nil {
		return 0, s.err
	}
	if s.on && s.left <= 0 {
		s.err = errPartHeader
		return 0, s.err
	}
	n, err := s.r.Read(p)
	s.left -= int64(n)
	if err != nil && err != io.EOF {
		s.err = err
	}
	return n, err
}

// cut is the end of a body that should have ended before.
type cut struct{}

func (cut) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// capped fails with http.MaxBytesError after max bytes.
type capped struct {
	r         io.Reader
	max, left int64
}

func (c *capped) Read(p []byte) (int, error) {
	if int64(len(p)) > c.left+1 {
		p = p[:c.left+1]
	}
	n, err := c.r.Read(p)
	if int64(n) > c.left {
		n, err = int(c.left), &http.MaxBytesError{Limit: c.max}
	}
	c.left -= int64(n)
	return n, err
}
