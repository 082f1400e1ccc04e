package digisos

import (
	"bytes"
	"fmt"
	"io"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"knutepunkt/cms"
	"knutepunkt/internal/auth"
	"knutepunkt/internal/grunntest"
)

// stortSkjema is a søknad v2 as NAV sends it: JSON of realistic size and three
// PDFs of 100 kB each.
func stortSkjema(b *testing.B) (ct string, body []byte, filer [][]byte) {
	utgift := `{"kilde":"bruker","type":"annen","tittel":"En utgift som er beskrevet med noen ord","belop":100,"overstyrtAvBruker":false}`
	soknad := strings.Replace(soknadJSON(kari), `"utbetaling":[]`, `"utbetaling":[],"utgift":[`+strings.Repeat(utgift+",", 99)+utgift+`]`, 1)
	d := []del{jsonDel("tilleggsinformasjonJson", `{"enhetsnummer":"0315"}`), jsonDel("soknadJson", soknad), jsonDel("vedleggJson", vedleggJSON)}
	for i, navn := range []string{"Soknad.pdf", "Soknad-juridisk.pdf", "Brukerkvittering.pdf"} {
		p := par(b, i, navn, strings.Repeat("0123456789", 10_000))
		d, filer = append(d, p...), append(filer, p[1].innhold)
	}
	ct, body = skjema(d...)
	return ct, body, filer
}

// BenchmarkMottak is the whole intake, from multipart to commit; what is sent in
// is not delivered meanwhile. Its floor is BenchmarkBareKryptering.
func BenchmarkMottak(b *testing.B) {
	h := nyttHus(b)
	ct, body, _ := stortSkjema(b)
	var nr atomic.Int64
	b.SetParallelism(8)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			r := httptest.NewRequest("POST", fmt.Sprintf("/digisos/api/v2/soknader/0301/%d", nr.Add(1)), bytes.NewReader(body))
			r.Header.Set("Content-Type", ct)
			w := httptest.NewRecorder()
			h.router.ServeHTTP(w, r.WithContext(auth.With(b.Context(), innbygger(kari))))
			if w.Code != 202 {
				b.Errorf("%d %s", w.Code, w.Body)
				return
			}
		}
	})
}

// BenchmarkBareKryptering decrypts the same three files and does nothing else.
func BenchmarkBareKryptering(b *testing.B) {
	_, _, filer := stortSkjema(b)
	key, _ := grunntest.Plattformnokkel(b)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			for _, f := range filer {
				r, err := cms.NewReader(bytes.NewReader(f), cms.Key{Private: key})
				if err == nil {
					_, err = io.Copy(io.Discard, r)
				}
				if err != nil {
					b.Error(err)
					return
				}
			}
		}
	})
}
