package httpx

import (
	"errors"
	"io"
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
	value, _ := params(r.Header.Get("Content-Type"))
	wants415 := o.IkkeMultipart == int(feil.FeilMediatype) || o.IkkeMultipart == http.StatusUnsupportedMediaType
	if value != "multipart/form-data" && wants415 {
		return l.inn, feil.Ny(feil.FeilMediatype, "Forespørselen må være multipart/form-data")
	}
	if l.o.MaxJSON <= 0 {
		l.o.MaxJSON = defaultMaxJSON
	}
	if l.o.MaxFiler <= 0 {
		l.o.MaxFiler = defaultMaxFiler
	}
	var err error
	if l.deler, err = LesDeler(r, o.MaxBytes); err != nil {
		return l.inn, err
	}
	err = l.les()
	return l.inn, err
}

// leser is the state of one Les.
type leser struct {
	o     Opplasting
	deler *Deler
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

func (l *leser) les() error {
	for parts := 0; ; parts++ {
		p, err := l.deler.Neste()
		if err == io.EOF { // the closing boundary
			break
		}
		if err != nil {
			return err
		}
		if parts >= 2*l.o.MaxFiler+len(l.o.JSON) {
			return feil.Ny(feil.ForStor, "For mange deler i forespørselen (høyst %d filer)", l.o.MaxFiler)
		}
		del := l.jsonDel(p.Navn)
		switch {
		case del != "" && !l.begun:
			err = l.lesJSON(del, p.Innhold)
		case del != "" && !p.ErFil:
			err = feil.Ny(feil.Ugyldig, "Delen %s må komme før filene", del)
		case p.ErFil:
			// Also a citizen's file that happens to be called as a JSON part.
			l.begun = true
			err = l.lesFil(p.Filnavn, p.Innhold)
		default:
			l.begun = true
			err = l.lesMetadata(p.Navn, p.Innhold)
		}
		if err != nil {
			return err
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
		return l.deler.lesefeil(err)
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
		return l.deler.lesefeil(err)
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
		return l.deler.lesefeil(part.err)
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
