package digisos

import (
	"crypto/x509"
	"encoding/json"
	"io"
	"mime"
	"strconv"
	"strings"
	"testing"

	"knutepunkt/asice"
	"knutepunkt/internal/grunntest"
	"knutepunkt/internal/httpx"
)

// rareMimetyper are what a sender may write: the contract checks nothing.
var rareMimetyper = []string{"pdf", "application/pdf;", "application/pdf; navn", "image/jpeg, image/png", "æøå/ø", "",
	" ", "a/b\r\nSet-Cookie: x=y", "application/\u2028", "text/plain; charset=utf-8", "x/" + strings.Repeat("y", 300)}

// What was accepted can be packed, whatever its sender calls the type of a file.
func TestRareMimetyper(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	deler := soknadDeler(t, kari)
	for i, m := range rareMimetyper {
		d := par(t, 10+i, "vedlegg"+string(rune('a'+i))+".pdf", "x")
		b, err := json.Marshal(httpx.Metadata{Filnavn: d[1].filnavn, Mimetype: m, Storrelse: 1})
		must(t, err)
		d[0].innhold = b
		deler = append(deler, d...)
	}
	id := les[string](t, h.send(t, innbygger(kari), "/digisos/api/v2/soknader/0301/rar", deler...), 202)
	h.lever(t)
	key, cert := grunntest.Plattformnokkel(t)
	pakke, err := asice.NewWriter(io.Discard, asice.Key{Signer: key, Chain: []*x509.Certificate{cert}}, asice.WriterOptions{})
	must(t, err)
	for _, f := range h.fiksIO.sett[0].f.Filer {
		if err := pakke.Add(f.Navn, f.Mimetype, strings.NewReader("x")); err != nil {
			t.Errorf("type %q: %v", f.Mimetype, err)
		}
	}
	must(t, pakke.Close())
	for _, v := range h.sak(t, kari, id).OriginalSoknadNAV.Vedlegg {
		ct := h.get(t, innbygger(kari), "/digisos/api/v1/soknader/"+id+"/dokumenter/"+v.DokumentlagerDokumentID).Header().Get("Content-Type")
		if _, _, err := mime.ParseMediaType(ct); err != nil || strings.ContainsAny(ct, "\r\n") {
			t.Errorf("%s is served as %q", v.Filnavn, ct)
		}
	}
}

// The most files that a søknad can have fit into one container.
func TestFlestFiler(t *testing.T) {
	t.Parallel()
	key, cert := grunntest.Plattformnokkel(t)
	pakke, err := asice.NewWriter(io.Discard, asice.Key{Signer: key, Chain: []*x509.Certificate{cert}}, asice.WriterOptions{})
	must(t, err)
	for i := range maksFiler + maksMellomlagret + 3 {
		must(t, pakke.Add(strconv.Itoa(i)+".pdf", "application/pdf", strings.NewReader("")))
	}
	must(t, pakke.Close())
}
