package bekymringsmelding

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"sync/atomic"
	"testing"

	"knutepunkt/internal/auth"
	"knutepunkt/internal/httpx"
)

const grense = 5 << 20 // of both parts together (§4.2)

// tjener is a server on a port, as producers reach it; it tells how long the body of
// the last request was said to be, -1 when nothing was said.
type tjener struct {
	*httptest.Server
	lengde atomic.Int64
}

func (h *hus) tjener(t testing.TB) *tjener {
	t.Helper()
	ut := &tjener{}
	ut.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ut.lengde.Store(r.ContentLength)
		h.router.ServeHTTP(w, r.WithContext(auth.With(r.Context(), skole)))
	}))
	t.Cleanup(ut.Close)
	return ut
}

// post sends a body, in chunks unless its length is told.
func (s *tjener) post(t testing.TB, ct string, body io.Reader, lengde int64) (status int, svar []byte) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL+mottakSti(bydelFiksIO), io.NopCloser(body))
	must(t, err)
	r.ContentLength = lengde
	r.Header = http.Header{"Content-Type": {ct}, "Authorization": {"Bearer x"}, "Integrasjonid": {skole.IntegrasjonID}, "Integrasjonpassord": {"x"}}
	resp, err := s.Client().Do(r)
	must(t, err)
	defer resp.Body.Close()
	svar, err = io.ReadAll(resp.Body)
	must(t, err)
	return resp.StatusCode, svar
}

// medNuller is the body of a report whose parts have so many bytes together: what comes
// after the message of the second part means nothing.
func medNuller(deler []del, sammen int) (ct string, body io.Reader, lengde int64) {
	ct, hele := skjemaKropp(deler...)
	slutt := bytes.LastIndex(hele, []byte("\r\n--"))
	fyll := int64(sammen - len(deler[0].innhold) - len(deler[1].innhold))
	return ct, io.MultiReader(bytes.NewReader(hele[:slutt]), io.LimitReader(nuller{}, fyll), bytes.NewReader(hele[slutt:])), int64(len(hele)) + fyll
}

// On the wire, where nobody says how much is to come: exactly the limit is taken, one
// byte more is not, and whoever sends far more hears of it.
func TestStorrelseOverHTTP(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	s := h.tjener(t)
	for _, c := range []struct {
		navn   string
		sammen int
		status int
	}{{"på grensen", grense, 201}, {"en byte over", grense + 1, 413}, {"mye over", 8 * grense, 413}} {
		for _, bolker := range []bool{false, true} {
			navn := c.navn + ", med lengde"
			if bolker {
				navn = c.navn + ", i bolker"
			}
			t.Run(navn, func(t *testing.T) {
				deler := h.deler(t, bydelFiksIO) // others each time: the same bytes are the same report
				ct, body, lengde := medNuller(deler, c.sammen)
				if bolker {
					lengde = -1
				}
				meldinger, blober := h.antall(t, "bekymring_melding"), h.antall(t, "blobs")
				status, svar := s.post(t, ct, body, lengde)
				if status != c.status || s.lengde.Load() != lengde {
					t.Fatalf("status %d, want %d, with a length of %d: %s", status, c.status, s.lengde.Load(), svar)
				}
				if status == 413 {
					var feil httpx.Feilmelding
					must(t, json.Unmarshal(svar, &feil))
					if feil.ErrorCode == nil || *feil.ErrorCode != KodeForStor {
						t.Errorf("refused with %s", svar)
					}
					if h.antall(t, "bekymring_melding") != meldinger || h.antall(t, "blobs") != blober {
						t.Error("something of it is stored")
					}
					return
				}
				var uuid uuidSvar
				must(t, json.Unmarshal(svar, &uuid))
				m := h.melding(t, uuid.UUID)
				var lagret int
				for i, blob := range []string{m.pdfBlob, m.asiceBlob} {
					r, err := h.Blobs.Open(t.Context(), blob, 0)
					must(t, err)
					b, err := io.ReadAll(r)
					must(t, err)
					must(t, r.Close())
					if !bytes.HasPrefix(b, deler[i].innhold) || len(bytes.Trim(b[len(deler[i].innhold):], "\x00")) > 0 {
						t.Errorf("part %s is not what was sent", deler[i].navn)
					}
					lagret += len(b)
				}
				if lagret != grense {
					t.Errorf("%d bytes are stored", lagret)
				}
			})
		}
	}
}

// What is taken in at the limit needs no more memory than a small report, and what is
// far above it no more than that. Alone, since it looks at the whole process's.
//
//nolint:paralleltest // see above
func TestMinneOverHTTP(t *testing.T) {
	h := nyttHus(t)
	s := h.tjener(t)
	brukt := func(sammen, want int) (n uint64) {
		var alle []uint64
		for range 5 {
			ct, body, _ := medNuller(h.deler(t, bydelFiksIO), sammen)
			var foer, etter runtime.MemStats
			runtime.ReadMemStats(&foer)
			status, svar := s.post(t, ct, body, -1)
			runtime.ReadMemStats(&etter)
			if status != want {
				t.Fatalf("status %d, want %d: %s", status, want, svar)
			}
			alle = append(alle, etter.TotalAlloc-foer.TotalAlloc)
		}
		return slices.Min(alle)
	}
	brukt(100_000, 201) // what is made once
	liten, stor, for_ := brukt(100_000, 201), brukt(grense, 201), brukt(10*grense, 413)
	t.Logf("allocated: %d kB for a small one, %d kB at the limit, %d kB for one that was refused", liten>>10, stor>>10, for_>>10)
	if stor > liten+1<<20 || for_ > liten+1<<20 {
		t.Error("the memory grows with what is sent")
	}
}
