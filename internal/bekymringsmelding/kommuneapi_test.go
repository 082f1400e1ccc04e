package bekymringsmelding

import (
	"strings"
	"testing"

	"knutepunkt/internal/auth"
	"knutepunkt/internal/bekymringsmelding/skjema"
	"knutepunkt/internal/organisasjon"
	"knutepunkt/internal/store"
)

const bmSti = "/bekymringsmelding/api/"

// nyBydel makes a bydel with manual reception.
func (h *hus) nyBydel(t testing.TB, org, nummer, navn string) Bydel {
	t.Helper()
	b, err := h.s.OpprettBydel(auth.With(t.Context(), operator), org, NyBydel{Bydelsnummer: nummer, Navn: navn, Adresse: adressen,
		Kontakter: []string{"post@kommune.test"}, Konto: Mottakskonto{Kanal: KanalManuell, Fagsystem: FagsystemManuell, VarselEposter: []string{"vakt@kommune.test"}}})
	must(t, err)
	return b
}

func (h *hus) nyKommune(t testing.TB, id, navn, nummer string) {
	t.Helper()
	h.write(t, func(tx *store.Tx) error {
		_, err := h.org.OpprettOrganisasjon(t.Context(), tx, organisasjon.Organisasjon{ID: id, Navn: navn, Type: "KOMMUNE", Kommunenummer: nummer})
		return err
	})
}

// The exact bodies: clients of v1 fail on a member more (§16).
func TestKommuneAPI(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	h.nyKommune(t, "00000000-0000-4000-8000-000000009901", "Testvik", "9901")
	h.nyBydel(t, "00000000-0000-4000-8000-000000009901", "00", "Testvik barnevern")
	h.nyKommune(t, "00000000-0000-4000-8000-000000009902", "Sluttvik", "9902") // has deactivated it
	slutt := h.nyBydel(t, "00000000-0000-4000-8000-000000009902", "00", "Sluttvik barnevern")
	must(t, h.s.SettBydelerAktive(t.Context(), slutt.FiksOrgID, []string{slutt.RessursID}, false))
	h.endreBydel(t, bydelManuell, func(b *Bydel) { b.Deaktivert = true })
	h.endreBydel(t, bydelSvarInn, func(b *Bydel) { b.StottetVersjon = skjema.V2 })

	const (
		kommuner = `[{"kommunenr":"4601","navn":"Bergen"},{"kommunenr":"9901","navn":"Testvik"}]`
		bydelV1  = `{"bydelsnummer":"02","bydelsnavn":"Bydel 02","standardMottaker":false}`
		bydelV2  = `{"bydelsnummer":"02","bydelsnavn":"Bydel 02","standardMottaker":false,"stottetVersjon":"V2"}`
		alleV1   = `[{"bydelsnummer":"01","bydelsnavn":"Bydel 01","standardMottaker":true},` + bydelV1 +
			`,{"bydelsnummer":"04","bydelsnavn":"Bydel 04","standardMottaker":false}]`
		alleV2 = `[{"bydelsnummer":"01","bydelsnavn":"Bydel 01","standardMottaker":true,"stottetVersjon":"V1"},` + bydelV2 +
			`,{"bydelsnummer":"04","bydelsnavn":"Bydel 04","standardMottaker":false,"stottetVersjon":"V1"}]`
	)
	for _, tt := range []struct {
		sti    string
		status int
		want   string
	}{
		{"v1/kommuner", 200, kommuner},
		{"v2/kommuner", 200, kommuner},
		{"v2/kommuner?sprakKode=sma", 200, kommuner},
		{"v1/kommuner?sprakKode=klingon", 200, kommuner},
		{"v1/kommuner/4601", 200, `{"kommunenr":"4601","navn":"Bergen","bydeler":` + alleV1 + `}`},
		{"v2/kommuner/4601?sprakKode=nn", 200, `{"kommunenr":"4601","navn":"Bergen","bydeler":` + alleV2 + `}`},
		{"v1/kommuner/0301", 200, `{"kommunenr":"0301","navn":"Oslo","bydeler":[]}`}, // has not activated it
		{"v1/kommuner/1111", 404, ""},
		{"v1/kommuner/bergen", 404, ""},
		{"v2/kommuner/1111", 404, ""},
		{"v2/kommuner/bergen", 400, ""},
		{"v1/kommuner/4601/bydeler", 200, alleV1},
		{"v2/kommuner/4601/bydeler", 200, alleV2},
		{"v1/kommuner/0301/bydeler", 200, `[]`},
		{"v1/kommuner/1111/bydeler", 200, `[]`},
		{"v1/kommuner/9902/bydeler", 200, `[]`},
		{"v2/kommuner/1111/bydeler", 200, `[]`},
		{"v2/kommuner/46/bydeler", 400, ""},
		{"v1/kommuner/4601/bydeler/02", 200, bydelV1},
		{"v2/kommuner/4601/bydeler/02", 200, bydelV2},
		{"v1/kommuner/4601/bydeler/03", 404, ""}, // deactivated
		{"v1/kommuner/4601/bydeler/x", 404, ""},
		{"v2/kommuner/4601/bydeler/3", 400, ""},
		{"v2/kommuner/4601/bydeler/99", 404, ""},
		{"v2/kommuner/fylker", 200, `[{"fylkenummer":"46","navn":"Vestland"},{"fylkenummer":"99","navn":"Fylke 99"}]`},
		{"v2/kommuner/fylker/46/kommuner", 200, `[{"kommunenr":"4601","navn":"Bergen"}]`},
		{"v2/kommuner/fylker/50/kommuner?sprakKode=se", 200, `[]`},
		{"v2/kommuner/fylker/4/kommuner", 400, ""},
	} {
		s := h.get(t, anonym, bmSti+tt.sti)
		if s.Code != tt.status || tt.want != "" && s.Body.String() != tt.want {
			t.Errorf("%s: %d\n got %s\nwant %d\n     %s", tt.sti, s.Code, s.Body, tt.status, tt.want)
		}
	}
	for _, c := range []auth.Caller{skole, portal, melder} {
		h.get(t, c, bmSti+"v1/kommuner").er(t, 200)
	}
}

// Without credentials all may look up, and a wrong token is still refused: for that the
// row must not be for callers without a name alone.
func TestKommuneAPIErAapent(t *testing.T) {
	t.Parallel()
	s := &Service{}
	alle := s.kommuneRuter()
	if len(alle) != 10 {
		t.Errorf("%d routes", len(alle))
	}
	for _, r := range alle {
		if r.Tilgang.Slag&auth.Anonym == 0 || r.Tilgang.Slag == auth.Anonym || r.Tilgang.Privilegium != "" {
			t.Errorf("%s is for %s", r.Pattern, r.Tilgang.Slag)
		}
	}
}

func TestFylkerHarNavn(t *testing.T) {
	t.Parallel()
	if len(fylker) != 15 {
		t.Errorf("%d counties, want 15", len(fylker))
	}
	for nr, navn := range fylker {
		if !fylkeForm.MatchString(nr) || strings.TrimSpace(navn) != navn || navn == "" {
			t.Errorf("%q: %q", nr, navn)
		}
	}
}
