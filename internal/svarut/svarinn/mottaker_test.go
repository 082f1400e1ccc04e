package svarinn

import (
	cmpstd "cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"knutepunkt/internal/grunntest"
	"knutepunkt/internal/levering"
	"knutepunkt/internal/store"
)

// full has every field set.
func full() levering.Forsendelse {
	f := brev(byNr)
	f.Filer[1].DokumentType = "HOVEDDOKUMENT"
	p := &f.Post
	p.ForsendelseType, p.SvarPa = "nav.digisos", "3f2c1a9e-9f8e-4d4e-9d3c-2b1a0f9e8d7c"
	p.Mottaker = levering.Adresse{Navn: "NAV <Testby> & omegn", Orgnr: byNr, Adresselinje1: "Gata 1", Adresselinje2: "2. etg", Adresselinje3: "Inngang C",
		Postnummer: "0151", Poststed: "Oslo", Land: "Norge"}
	p.SvarSendesTil = &levering.Adresse{Navn: "Svar AS", Fnr: "01870112345", Adresselinje1: "Svargata 1", Postnummer: "5003", Poststed: "Bergen", Land: "SE"}
	p.Lenker = []levering.Lenke{{URL: "https://eksempel.no/?a=1&b=2", Tekst: "Les mer", Ledetekst: "Se også"}, {URL: "https://eksempel.no", Tekst: "Hit"}}
	dag := time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)
	p.Noark = levering.Noark{Saksaar: 2026, Sakssekvensnummer: 12, Journalaar: 2026, Journalsekvensnummer: 34, Journalpostnummer: 5,
		Journalposttype: "U", Journalstatus: "E", Journaldato: dag, DokumentetsDato: dag.Add(time.Hour), Tittel: "Sak", Saksbehandler: "Behandler",
		EkstraMetadata: []levering.Nokkelverdi{{Key: "a", Value: "b"}}}
	p.NoarkImport = levering.Noark{Saksaar: 2025, Sakssekvensnummer: 6, Journalposttype: "I", Journalstatus: "J", DokumentetsDato: dag, Tittel: "Import"}
	return f
}

// The list's bytes are a contract.
func TestListeByteForByte(t *testing.T) {
	t.Parallel()
	minst := levering.Forsendelse{Filer: []levering.Fil{{Navn: "a.bin"}}, Post: levering.Post{Niva: 3, Mottatt: grunntest.Start, Mottaker: levering.Adresse{Orgnr: byNr}}}
	for navn, f := range map[string]levering.Forsendelse{"full": full(), "minst": minst, "brev": brev(byNr)} {
		t.Run(navn, func(t *testing.T) {
			t.Parallel()
			h := medSystemer(t)
			h.leverSom(t, "9b45ab9e-e13a-489e-832d-56e836c9a8bc", f)
			got := h.kall(t, systemBy, "GET", stiListe, "")
			fil := "testdata/liste_" + navn + ".json"
			want, err := os.ReadFile(fil)
			must(t, err)
			if diff := cmp.Diff(string(want), got.kropp); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if got.status != 200 || got.hode.Get("Content-Type") != "application/json" || got.hode.Get("Content-Encoding") != "" {
				t.Errorf("%d %v", got.status, got.hode)
			}
			// Again, by the old path and compressed if we may: the same, and nothing has changed.
			igjen := h.kall(t, systemBy, "GET", basis+"/tjenester/svarinn/mottaker/"+strings.ToUpper(systemBy)+"/hentNyeForsendelser/", "", "Accept-Encoding", "gzip")
			if igjen.status != 200 || igjen.kropp != got.kropp || igjen.hode.Get("Content-Encoding") != "" {
				t.Errorf("by the old path: %d %s", igjen.status, igjen.kropp)
			}
			if l := h.levering(t, "9b45ab9e-e13a-489e-832d-56e836c9a8bc"); l.Tilstand != levering.Sendt {
				t.Errorf("after listing: %s", l.Tilstand)
			}
		})
	}
}

// Who gets what from each endpoint, before and after each outcome.
func TestTilgang(t *testing.T) {
	t.Parallel()
	ukjent := uuid.NewString()
	for navn, metode := range map[string][2]string{
		"liste":   {"GET", stiListe},
		"gammel":  {"GET", basis + "/tjenester/svarinn/mottaker/" + systemBy + "/hentNyeForsendelser"},
		"hent":    {"GET", stiHent},
		"kvitter": {"POST", stiKvitter},
		"feilet":  {"POST", stiFeilet},
	} {
		t.Run(navn, func(t *testing.T) {
			t.Parallel()
			h := medSystemer(t)
			id := h.lever(t, brev(byNr))
			sti, kropp, medID := metode[1], "", false
			if strings.HasSuffix(sti, "/forsendelse/") {
				medID = true
			}
			if navn == "feilet" {
				kropp = `{"feilmelding":"x","permanent":false}`
			}
			full := sti
			if medID {
				full += id
			}
			for hva, settInn := range map[string]func(*http.Request){
				"nobody":         func(*http.Request) {},
				"wrong password": func(r *http.Request) { r.SetBasicAuth(systemBy, passordNabo) },
				"unknown name":   func(r *http.Request) { r.SetBasicAuth(ukjent, passordBy) },
				"not an id":      func(r *http.Request) { r.SetBasicAuth("NAV Testby", passordBy) },
				"no password":    func(r *http.Request) { r.SetBasicAuth(systemBy, "") },
				"a token":        func(r *http.Request) { r.Header.Set("Authorization", "Bearer abc") },
			} {
				r, err := http.NewRequestWithContext(t.Context(), metode[0], full, strings.NewReader(kropp))
				must(t, err)
				settInn(r)
				resp, err := h.klient.Do(r)
				must(t, err)
				b, err := io.ReadAll(resp.Body)
				must(t, errors.Join(err, resp.Body.Close()))
				if resp.StatusCode != 401 || resp.Header.Get("WWW-Authenticate") != `BASIC realm="KS Svarut mottaker login"` || !strings.Contains(string(b), `"message":"`) {
					t.Errorf("%s: %d %v %s", hva, resp.StatusCode, resp.Header, b)
				}
			}
			if !medID {
				want := map[string]int{"liste": 200, "gammel": 404}[navn]
				if s := h.kall(t, systemNabo, metode[0], full, ""); s.status != want || want == 200 && s.kropp != "[]" {
					t.Errorf("another mottakersystem: %d %s", s.status, s.kropp)
				}
				return
			}
			for hva, tt := range map[string]struct {
				system, id string
				status     int
			}{
				"another's":  {systemNabo, id, 403},
				"unknown":    {systemBy, ukjent, 404},
				"not a UUID": {systemBy, "abc", 404},
				"capitals":   {systemBy, strings.ToUpper(id), 200},
				"its own":    {systemBy, id, 200},
			} {
				if s := h.kall(t, tt.system, metode[0], sti+tt.id, kropp); s.status != tt.status {
					t.Errorf("%s: %d %s, want %d", hva, s.status, s.kropp, tt.status)
				}
			}
		})
	}
}

// Every outcome, and what each call answers after it.
func TestUtfall(t *testing.T) {
	t.Parallel()
	const (
		kvitter     = "kvitter"
		permanent   = "permanent"
		midlertidig = "midlertidig"
		hent        = "hent"
		stopp       = "stopp"
		lestUtenom  = "lest utenom"
		frist       = "frist"
	)
	for _, tt := range []struct {
		navn     string
		grense   time.Duration
		kall     []string
		status   []int // of each of the calls above
		iListe   bool
		tilstand levering.Tilstand
		kanal    string
	}{
		{"waits", 0, []string{hent, hent}, []int{200, 200}, true, levering.Sendt, levering.KanalSvarInn},
		{"acknowledged", 0, []string{kvitter, kvitter, hent, midlertidig, permanent}, []int{200, 200, 410, 409, 409}, false, levering.Bekreftet, levering.KanalSvarInn},
		{"failed for now", 0, []string{midlertidig, midlertidig, hent}, []int{200, 200, 200}, true, levering.Sendt, levering.KanalSvarInn},
		{"failed for now, then acknowledged", 0, []string{midlertidig, kvitter}, []int{200, 200}, false, levering.Bekreftet, levering.KanalSvarInn},
		{"failed for good", 0, []string{permanent, permanent, kvitter, midlertidig, hent}, []int{200, 200, 409, 410, 410}, false, levering.Sendt, levering.KanalAltinn},
		{"stopped by a person", 0, []string{stopp, hent, kvitter, permanent}, []int{0, 410, 410, 410}, false, levering.Stoppet, levering.KanalSvarInn},
		{"read elsewhere", 0, []string{lestUtenom, hent, kvitter, midlertidig}, []int{0, 410, 200, 409}, false, levering.Bekreftet, levering.KanalUtenom},
		{"over the queue's limit, acknowledged late", 24 * time.Hour, []string{frist, hent, permanent, kvitter, kvitter}, []int{0, 410, 410, 200, 200}, false, levering.Bekreftet, levering.KanalSvarInn},
	} {
		t.Run(tt.navn, func(t *testing.T) {
			t.Parallel()
			h := medSystemer(t)
			if tt.grense > 0 {
				h.medGrense(tt.grense)
			}
			id := h.lever(t, brev(byNr))
			for i, gjor := range tt.kall {
				var s svar
				switch gjor {
				case kvitter:
					s = h.kall(t, systemBy, "POST", stiKvitter+id, "")
				case hent:
					s = h.kall(t, systemBy, "GET", stiHent+id, "")
				case permanent, midlertidig:
					s = h.kall(t, systemBy, "POST", stiFeilet+id, fmt.Sprintf(`{"feilmelding":"Ugyldig fil for Kari Nordmann","permanent":%t}`, gjor == permanent))
				case stopp:
					must(t, h.lev.Stopp(t.Context(), leveringAv(id), "Kari", "levert for hånd"))
				case lestUtenom:
					must(t, h.DB.Write(t.Context(), func(tx *store.Tx) error {
						_, err := h.lev.BekreftUtenom(t.Context(), tx, leveringAv(id), "merket som lest")
						return err
					}))
				case frist:
					h.Frem(t, 25*time.Hour)
				}
				if s.status != tt.status[i] {
					t.Errorf("call %d, %s: %d %s, want %d", i+1, gjor, s.status, s.kropp, tt.status[i])
				}
				if s.status == 200 && gjor != hent && (s.kropp != "" || s.hode.Get("Content-Type") != "") {
					t.Errorf("call %d, %s: a body of %q", i+1, gjor, s.kropp)
				}
				h.kjor(t)
			}
			if s := h.kall(t, systemBy, "GET", stiListe, ""); strings.Contains(s.kropp, id) != tt.iListe {
				t.Errorf("the list: %s", s.kropp)
			}
			if l := h.levering(t, id); l.Tilstand != tt.tilstand || l.Kanal != tt.kanal {
				t.Errorf("the levering is %s by %s", l.Tilstand, l.Kanal)
			}
		})
	}
}

// A second acknowledgement is no event.
func TestKvittertToGanger(t *testing.T) {
	t.Parallel()
	h := medSystemer(t)
	id := h.lever(t, brev(byNr))
	for range 2 {
		if s := h.kall(t, systemBy, "POST", stiKvitter+id, ""); s.status != 200 {
			t.Fatal(s)
		}
	}
	hs, err := h.s.Hendelser(t.Context(), kari, systemBy, id)
	if err != nil || len(hs) != 2 || hs[1].Slag != "KVITTERT" {
		t.Errorf("history: %v %v", hs, err)
	}
	if want := []levering.Tilstand{levering.IkkeSendt, levering.Sendt, levering.Bekreftet}; !slices.Equal(h.kilde.tilstander[max(0, len(h.kilde.tilstander)-2):], want[1:]) {
		t.Errorf("the source heard of %v", h.kilde.tilstander)
	}
}

// What the receiver says of a failure is for the sender's log, once, and in clear
// nowhere else.
func TestFeilmeldingTilAvsenderensLogg(t *testing.T) {
	t.Parallel()
	h := medSystemer(t)
	id := h.lever(t, brev(byNr))
	for _, k := range []string{
		`{"feilmelding":"Kari har feil","permanent":false}`, `{"feilmelding":"Kari har feil","permanent":false}`,
		`{"permanent":false,"feilmelding":"noe annet"}`, `{"feilmelding":"Kari kan ikke importeres","permanent":true}`,
	} {
		if s := h.kall(t, systemBy, "POST", stiFeilet+id, k); s.status != 200 {
			t.Fatal(s)
		}
	}
	h.kjor(t)
	if diff := cmp.Diff([]string{
		id[:8] + " Mottakersystemet melder at mottaket feilet, og forsøker igjen: Kari har feil",
		id[:8] + " Mottakersystemet melder at mottaket feilet, og forsøker igjen: noe annet",
		id[:8] + " Mottakersystemet kan ikke ta imot forsendelsen: Kari kan ikke importeres",
	}, h.logger); diff != "" {
		t.Errorf("the sender's log (-want +got):\n%s", diff)
	}
	hs, err := h.s.Hendelser(t.Context(), kari, systemBy, id)
	must(t, err)
	var got []string
	for _, e := range hs {
		got = append(got, e.Slag+" "+e.Tekst)
	}
	if diff := cmp.Diff([]string{"KLAR_FOR_MOTTAK ", "FEILET_MIDLERTIDIG Kari har feil", "FEILET_MIDLERTIDIG noe annet",
		"FEILET_PERMANENT Kari kan ikke importeres"}, got); diff != "" {
		t.Errorf("history (-want +got):\n%s", diff)
	}
	_, hist, err := h.lev.Hent(t.Context(), h.DB.Read(), leveringAv(id))
	must(t, err)
	if strings.Contains(fmt.Sprint(hist), "Kari") || strings.Contains(h.logg.String(), "Kari") {
		t.Errorf("the receiver's words are in the history or the log")
	}
}

func TestMottakFeiletKropp(t *testing.T) {
	t.Parallel()
	h := medSystemer(t)
	id := h.lever(t, brev(byNr))
	for _, tt := range []struct {
		slag, kropp string
		status      int
	}{
		{"application/json", `{"feilmelding":"x","permanent":false}`, 200},
		{"text/plain; charset=utf-8", `{"feilmelding":"x","permanent":false}`, 200},
		{"application/x-www-form-urlencoded", ` {"permanent" : false, "feilmelding" : "æøå"} `, 200},
		{"", "\ufeff" + `{"feilmelding":"x","permanent":false,"mer":[1]}`, 200},
		{"application/json", `{"feilmelding":"` + strings.Repeat("lang ", 10_000) + `","permanent":false}`, 200},
		{"application/json", ``, 400},
		{"application/json", `{}`, 400},
		{"application/json", `[]`, 400},
		{"application/json", `{"feilmelding":"x"}`, 400},
		{"application/json", `{"permanent":true}`, 400},
		{"application/json", `{"feilmelding":" ","permanent":true}`, 400},
		{"application/json", `{"feilmelding":"x","permanent":"ja"}`, 400},
		{"application/json", `{"feilmelding":null,"permanent":null}`, 400},
		{"text/plain", "Feilet", 400},
		{"application/json", `{"feilmelding":"` + strings.Repeat("x", maksFeilet) + `","permanent":false}`, 413},
	} {
		if s := h.kall(t, systemBy, "POST", stiFeilet+id, tt.kropp, "Content-Type", tt.slag); s.status != tt.status {
			t.Errorf("%s %.60q: %d %s, want %d", tt.slag, tt.kropp, s.status, s.kropp, tt.status)
		}
	}
	if l := h.levering(t, id); l.Tilstand != levering.Sendt || l.Kanal != levering.KanalSvarInn {
		t.Errorf("%s by %s", l.Tilstand, l.Kanal)
	}
}

// kvitterMottak takes whatever comes along.
func TestKvitterTarAlt(t *testing.T) {
	t.Parallel()
	h := medSystemer(t)
	for _, hoder := range [][]string{{}, {"Content-Type", "application/json"}, {"Content-Type", "application/x-www-form-urlencoded"}, {"Accept", "text/html"}} {
		for _, kropp := range []string{"", "{}", "noe helt annet \x00"} {
			id := h.lever(t, brev(byNr))
			if s := h.kall(t, systemBy, "POST", stiKvitter+id, kropp, hoder...); s.status != 200 || s.kropp != "" {
				t.Errorf("%v %q: %d %q", hoder, kropp, s.status, s.kropp)
			}
		}
	}
}

// Pages of a long queue: the oldest first, each once, and no more than the limit.
func TestLangListe(t *testing.T) {
	t.Parallel()
	const n, grense = 130, 120
	h := medSystemer(t, func(_ *Deps, c *Config) { c.MaksListe = grense })
	type plass struct {
		naar int64
		id   string
	}
	var alle []plass
	f := brev(byNr)
	sendt := func(*store.Tx) error { return nil }
	for i := range n {
		id := uuid.NewString()
		alle = append(alle, plass{h.Klokke.Now().Unix(), id})
		must(t, h.s.Kanal().Send(t.Context(), levering.Levering{ID: uuid.NewString(), KildeID: id, LeveranseID: uuid.NewString()}, f, sendt))
		if i%7 == 0 { // some at the same time
			h.Klokke.Sett(h.Klokke.Now().Add(time.Second))
		}
	}
	slices.SortFunc(alle, func(a, b plass) int { return cmpstd.Or(cmpstd.Compare(a.naar, b.naar), strings.Compare(a.id, b.id)) })
	var want, got []string
	for _, p := range alle[:grense] {
		want = append(want, p.id+" "+basis+"/tjenester/svarinn/forsendelse/"+p.id)
	}
	var liste []struct{ ID, DownloadURL string }
	must(t, json.Unmarshal([]byte(h.kall(t, systemBy, "GET", stiListe, "").kropp), &liste))
	for _, l := range liste {
		got = append(got, l.ID+" "+l.DownloadURL)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	// One that is damaged does not hold up the others.
	must(t, h.DB.Write(t.Context(), func(tx *store.Tx) error {
		_, err := tx.ExecContext(t.Context(), `UPDATE svarinn_forsendelser SET innhold = $1 WHERE id = $2`, []byte("x"), liste[0].ID)
		return err
	}))
	s := h.kall(t, systemBy, "GET", stiListe, "")
	must(t, json.Unmarshal([]byte(s.kropp), &liste))
	if len(liste) != grense-1 || !strings.Contains(h.logg.String(), "cannot be read") {
		t.Errorf("with a damaged one: %d are listed", len(liste))
	}
}
