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

// Deler reads the parts of a multipart/form-data request in order, each as a
// stream. It takes what clients send (quoted boundaries, raw UTF-8 names, no
// closing line break) and finds every body that is cut.
type Deler struct {
	src *sticky
	mr  *multipart.Reader
	del *multipart.Part
}

// Del is one part. Its bytes are those that were sent, whatever a transfer
// encoding claims; they are read before the next part is asked for.
type Del struct {
	Navn    string
	Filnavn string
	ErFil   bool // a filename was given, be it empty
	Innhold io.Reader
}

// LesDeler begins to read r. feil.Ugyldig for another Content-Type. maxBytes
// bounds the whole body (0: no limit), with an error that becomes 413.
func LesDeler(r *http.Request, maxBytes int64) (*Deler, error) {
	value, ps := params(r.Header.Get("Content-Type"))
	switch {
	case value != "multipart/form-data":
		return nil, feil.Ny(feil.Ugyldig, "Forespørselen må være multipart/form-data")
	case ps["boundary"] == "" || len(ps["boundary"]) > 200:
		return nil, feil.Ny(feil.Ugyldig, "Content-Type mangler gyldig boundary")
	}
	var src io.Reader = r.Body
	if r.Body == nil {
		src = strings.NewReader("")
	}
	if maxBytes > 0 {
		src = &capped{r: src, max: maxBytes, left: maxBytes}
	}
	// The end of the body before the closing boundary is never a clean end: the
	// multipart reader takes one inside a part's headers for it. The line break
	// is for a closing boundary that came without.
	d := &Deler{src: &sticky{r: io.MultiReader(src, strings.NewReader("\r\n"), cut{})}}
	d.mr = multipart.NewReader(d.src, ps["boundary"])
	return d, nil
}

// Neste gives the next part, after what is left of the one before; io.EOF, and
// nothing else that is it, after the closing boundary. feil.Ugyldig for a body
// that is cut or no multipart, feil.ForStor above the limit.
func (d *Deler) Neste() (Del, error) {
	if d.del != nil {
		if _, err := io.Copy(io.Discard, d.del); err != nil {
			return Del{}, d.lesefeil(err)
		}
	}
	d.src.limit(maxPartHeader)
	p, err := d.mr.NextRawPart()
	d.src.limit(0)
	if err == io.EOF { // the closing boundary; a wrapped one is a body that was cut
		return Del{}, io.EOF
	}
	if err != nil {
		return Del{}, d.lesefeil(err)
	}
	d.del = p
	disp := parseDisposition(p.Header.Get("Content-Disposition"))
	if !disp.valid {
		return Del{}, feil.Ny(feil.Ugyldig, "En del mangler gyldig Content-Disposition")
	}
	return Del{Navn: disp.name, Filnavn: disp.filename, ErFil: disp.isFile, Innhold: p}, nil
}

// Feil is for an error of whoever was reading a part: when it was the request's
// body that failed, that is what it becomes, whatever was made of it on the way;
// else it comes back as it is.
func (d *Deler) Feil(err error) error {
	if err == nil || d.src.err == nil {
		return err
	}
	return d.lesefeil(err)
}

// lesefeil gives an error of the multipart reader its kind. What the body
// itself reported says more than what multipart made of it.
func (d *Deler) lesefeil(err error) error {
	if d.src.err != nil {
		err = d.src.err
	}
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return bodyError(err)
	}
	return feil.Ny(feil.Ugyldig, "Forespørselen er ikke gyldig multipart/form-data, eller ble avbrutt").
		Med(fmt.Errorf("reading multipart: %w", err))
}
