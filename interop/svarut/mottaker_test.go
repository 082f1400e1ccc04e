package svarut_test

import (
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// mottaker is a receiver of SvarInn: it lists, downloads and acknowledges.
type mottaker struct {
	liste   func() []element
	last    func(url string) (fil, navn, contentType string)
	kvitter func(id string)
}

const svarinn = "/tjenester/svarinn"

// efm is the integrasjonspunkt of the directorate: credentials unprompted, and the
// Accept headers of its library.
func (h *hus) efm(t *testing.T) mottaker {
	inn := h.til.Fagsystem.SvarInn
	const std = "Accept: text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2"
	return h.medCurl(t, []string{"-u", inn.Brukernavn + ":" + inn.Passord, "-A", "Java/21"},
		[]string{"-H", "Accept: application/json, application/*+json"}, []string{"-H", std},
		[]string{"-H", std, "-H", "Content-Type:", "--data-binary", ""}, 1)
}

// sak is the order in which KS's own program asks: without credentials until it is
// challenged, each time, and no body, type or Accept.
func (h *hus) sak(t *testing.T) mottaker {
	inn := h.til.Fagsystem.SvarInn
	return h.medCurl(t, []string{"--anyauth", "-u", inn.Brukernavn + ":" + inn.Passord, "-A", "Apache-HttpClient/4.5.13 (Java/1.8)", "-H", "Accept:"},
		nil, nil, []string{"-X", "POST"}, 2)
}

var filnavn = regexp.MustCompile(`^attachment; filename="([^"]+)"$`)

func (h *hus) medCurl(t *testing.T, alle, liste, last, kvitter []string, svar int) mottaker {
	gjor := func(url string, arg []string) curlsvar {
		t.Helper()
		s := curl(t, append(append([]string{url}, alle...), arg...)...)
		s.les(t, 200, nil)
		if n := strings.Count(s.hoder, "HTTP/1.1 "); n != svar {
			t.Errorf("%d answers, want %d:\n%s", n, svar, s.hoder)
		}
		return s
	}
	return mottaker{
		liste: func() (ut []element) {
			gjor(h.b.BaseURL+svarinn+"/mottaker/hentNyeForsendelser", liste).les(t, 200, &ut)
			return ut
		},
		last: func(url string) (fil, navn, contentType string) {
			s := gjor(url, last)
			if m := filnavn.FindStringSubmatch(s.hode("Content-Disposition")); m != nil {
				navn = m[1]
			}
			return skriv(t, "nedlastet", s.kropp), navn, s.hode("Content-Type")
		},
		kvitter: func(id string) {
			if s := gjor(h.b.BaseURL+svarinn+"/kvitterMottak/forsendelse/"+id, kvitter); len(s.kropp) != 0 {
				t.Errorf("the receipt was answered %s", s.kropp)
			}
		},
	}
}

// apache is the client under KS's program, which understands the challenge itself.
func (h *hus) apache(t *testing.T) mottaker {
	inn := h.til.Fagsystem.SvarInn
	gjor := func(metode, url string) (javasvar, string) {
		t.Helper()
		fil := filepath.Join(t.TempDir(), "svar")
		s := h.java.gjor(t, "apache", obj{"metode": metode, "url": url, "fil": fil, "bruker": inn.Brukernavn, "passord": inn.Passord})
		if s.Status != 200 {
			t.Fatalf("%s %s: %d %s", metode, url, s.Status, lesFil(t, fil))
		}
		return s, fil
	}
	return mottaker{
		liste: func() (ut []element) {
			_, fil := gjor("GET", h.b.BaseURL+svarinn+"/mottaker/hentNyeForsendelser")
			curlsvar{status: 200, kropp: lesFil(t, fil)}.les(t, 200, &ut)
			return ut
		},
		last: func(url string) (fil, navn, contentType string) {
			s, fil := gjor("GET", url)
			return fil, s.Filnavn, s.Type
		},
		kvitter: func(id string) { gjor("POST", h.b.BaseURL+svarinn+"/kvitterMottak/forsendelse/"+id) },
	}
}
