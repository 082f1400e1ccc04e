package httpx

import (
	"io"
	"net/http"
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
	// stored (put into Par.Ref). Metadata is nil when it has not come yet.
	Fil func(filnavn string, meta *Metadata, r io.Reader) (any, error)
	// MaxJSON bounds a JSON or metadata part (default 10 MiB), MaxFiler the
	// number of files (default 1000), MaxBytes the whole body (0: no limit).
	MaxJSON  int64
	MaxFiler int
	MaxBytes int64
	// FeilMediatype is what a body that is not multipart gets: feil.FeilMediatype
	// (415) on the send endpoints, feil.Ugyldig (400) elsewhere.
	IkkeMultipart int
}

// JSONDel is one JSON part of an endpoint.
type JSONDel struct {
	Navn    []string
	Paakrev bool
}

// Les reads the whole request. JSON parts come back by canonical name, byte for
// byte; files in the order of the request, each paired by the rules of the
// wire contract §1.2. On error everything that Fil returned is in Filer of the
// returned result too, so that the caller can discard it.
func (o Opplasting) Les(r *http.Request) (Innhold, error) { return Innhold{}, errNotBuilt }

// Innhold is a request that was read.
type Innhold struct {
	JSON map[string][]byte
	Par  []Par
	// Filer holds each Ref that Fil returned, paired or not.
	Filer []any
}
