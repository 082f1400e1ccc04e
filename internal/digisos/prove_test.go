package digisos

import (
	"encoding/json"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"knutepunkt/internal/auth"
	"knutepunkt/internal/feil"
	"knutepunkt/internal/levering"
	"knutepunkt/internal/store"
)

func (h *hus) prov(t testing.TB, org string) string {
	t.Helper()
	id := uuid.NewString()
	must(t, h.s.SendProve(auth.With(t.Context(), adminOs), org, id))
	return id
}

func (h *hus) lesProve(t testing.TB, org, id string) Prove {
	t.Helper()
	p, err := h.s.Prove(t.Context(), org, id)
	must(t, err)
	return p
}

// A test goes to the configured channel, with what NAV would have sent, and no
// further; the search for its person finds nothing.
func TestProveKanal(t *testing.T) {
	t.Parallel()
	for org, c := range map[string]struct {
		kanal string
		er    func(h *hus) *kanal
		andre func(h *hus) *kanal
	}{
		orgOslo:   {levering.KanalFiksIO, func(h *hus) *kanal { return h.fiksIO }, func(h *hus) *kanal { return h.svarUt }},
		orgBergen: {levering.KanalSvarUt, func(h *hus) *kanal { return h.svarUt }, func(h *hus) *kanal { return h.fiksIO }},
	} {
		t.Run(c.kanal, func(t *testing.T) {
			t.Parallel()
			h := nyttHus(t)
			id := h.prov(t, org)
			h.lever(t)
			k := c.er(h)
			if len(k.sett) != 1 {
				t.Fatalf("sent %d times", len(k.sett))
			}
			s := k.sett[0]
			if s.l.Kilde != KildeProve || len(s.l.Plan) != 1 || !s.l.Plan[0].UtenGaranti || s.l.Plan[0].Ubegrenset || s.f.EksternRef != id {
				t.Errorf("%+v", s.l)
			}
			var soknad struct {
				Data struct {
					Soknadstype string
					Begrunnelse struct{ HvaSokesOm string }
				}
			}
			must(t, json.Unmarshal([]byte(s.filer["soknad.json"]), &soknad))
			if soknad.Data.Begrunnelse.HvaSokesOm != ProveTittel || soknad.Data.Soknadstype != "standard" || !strings.HasPrefix(s.filer["Soknad.pdf"], "%PDF") || len(s.filer) != 6 {
				t.Errorf("%+v %v", soknad, s.navn)
			}
			if c.kanal == levering.KanalSvarUt && (s.f.Post.BareSvarInn != 30*time.Minute || s.f.Post.Tittel != ProveTittel || s.f.Post.Kontakter != nil || s.f.Post.ForsendelseType != "nav.digisos") {
				t.Errorf("%+v", s.f.Post)
			}
			if p := h.lesProve(t, org, id); p.Kanal != c.kanal || p.Sendt.IsZero() || !p.Slutt.IsZero() || p.LeveranseID != s.l.LeveranseID {
				t.Errorf("%+v", p)
			}
			h.Frem(t, 2*time.Hour)
			p := h.lesProve(t, org, id)
			if p.Slutt.IsZero() || p.Bekreftet || p.Slutt.Sub(p.Startet) > 90*time.Minute {
				t.Errorf("after the deadline: %+v", p)
			}
			epost, err := h.Epost.Alle(t.Context())
			must(t, err)
			if len(c.andre(h).sett)+len(epost) != 0 || len(k.sett) != 1 {
				t.Errorf("went on: %d by the other channel, %d e-mails, %d times in all", len(c.andre(h).sett), len(epost), len(k.sett))
			}
		})
	}
}

// To citizens and to NAV a test does not exist; to the fagsystem it is a case.
func TestProveFinnesIkkeForAndre(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	id := h.prov(t, orgOslo)
	h.lever(t)
	h.bekreft(t, h.fiksIO)
	dok := h.s.DB.Read()
	var soknad string
	must(t, dok.QueryRowContext(t.Context(), `SELECT metadata_id FROM digisos_forsendelse WHERE id = $1`, id).Scan(&soknad))
	finnesIkke := uuid.NewString()
	person := innbygger(ProveFnr)
	for _, sti := range []string{"/digisos/api/v1/soknader/{}", "/digisos/api/v1/soknader/{}/dokumenter/" + soknad,
		"/digisos/api/v1/nav/soknader/{}?sporingsId=s", "/digisos/api/v1/nav/soknader/{}/dokumenter/" + soknad + "?sporingsId=s", "/digisos/klage/api/v1/klager?digisosId={}"} {
		c := nav
		if !strings.Contains(sti, "/nav/") {
			c = person
		}
		test, ingen := h.get(t, c, strings.ReplaceAll(sti, "{}", id)), h.get(t, c, strings.ReplaceAll(sti, "{}", finnesIkke))
		if got, want := test.melding(t, 404), ingen.melding(t, 404); got != want {
			t.Errorf("%s: %q, for one that does not exist %q", sti, got, want)
		}
	}
	for sti, body := range map[string]string{
		"/digisos/api/v1/nav/soknader/soknader": `{"fnr":"` + ProveFnr + `"}`,
		"/digisos/api/v1/nav/soknader/status":   `{"digisosIdListe":["` + id + `"]}`,
	} {
		if got := h.post(t, nav, sti+"?sporingsId=s", body).er(t, 200); strings.Contains(got, id) {
			t.Errorf("%s: %s", sti, got)
		}
	}
	if got := h.get(t, person, "/digisos/api/v1/soknader/soknader").er(t, 200); strings.TrimSpace(got) != "[]" {
		t.Errorf("the cases of its number: %s", got)
	}
	h.send(t, person, "/digisos/api/v2/soknader/0301/"+id+"/ettersend1", append([]del{jsonDel("vedlegg.json", vedleggJSON)}, par(t, 0, "a.pdf", "x")...)...).er(t, 404)

	// The audit log names nobody whom it was about.
	if n := h.antall(t, `audit_hendelser WHERE handling = 'DIGISOS_PROVE_SENDT'`); n != 1 {
		t.Errorf("%d audit events", n)
	}
	// The fagsystem uploads and updates as with any case; its files are open to nobody.
	sti := "/digisos/api/v1/" + orgOslo + "/" + id
	h.send(t, fagOslo, sti+"/filer", par(t, 0, "vedtak.pdf", "%PDF vedtak")...).er(t, 200)
	if p := h.lesProve(t, orgOslo, id); p.Filer.IsZero() || !p.Oppdatert.IsZero() {
		t.Errorf("%+v", p)
	}
	h.get(t, fagBerg, "/digisos/api/v1/"+orgBergen+"/"+id+"/filer").er(t, 403)

	// Its end is its own, not moved by what the fagsystem does.
	h.Frem(t, 25*time.Hour)
	if p := h.lesProve(t, orgOslo, id); !p.Slettet || !p.Bekreftet {
		t.Errorf("%+v", p)
	}
	if n := h.antall(t, `dokumenter WHERE slettet = 0`); n != 0 {
		t.Errorf("%d documents are left", n)
	}
}

// One at a time and of one municipality; the id makes it the same.
func TestProveEnOmGangen(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	ctx := auth.With(t.Context(), adminOs)
	id := h.prov(t, orgOslo)
	must(t, h.s.SendProve(ctx, orgOslo, id))
	if err := h.s.SendProve(ctx, orgOslo, uuid.NewString()); !feil.Er(err, feil.Konflikt) {
		t.Errorf("a second one: %v", err)
	}
	if err := h.s.SendProve(ctx, orgBergen, id); !feil.Er(err, feil.Ugyldig) {
		t.Errorf("another's id: %v", err)
	}
	h.prov(t, orgBergen)
	if err := h.s.SendProve(ctx, orgNAV, uuid.NewString()); !feil.Er(err, feil.IkkeFunnet) {
		t.Errorf("without configuration: %v", err)
	}
	for _, org := range []string{orgBergen, orgNAV} {
		if _, err := h.s.Prove(ctx, org, id); !feil.Er(err, feil.IkkeFunnet) {
			t.Errorf("read by %s: %v", org, err)
		}
		if err := h.s.AvbrytProve(ctx, org, id); !feil.Er(err, feil.IkkeFunnet) {
			t.Errorf("ended by %s: %v", org, err)
		}
	}
	sak := h.nySoknad(t, kari, "ref1")
	if _, err := h.s.Prove(ctx, orgOslo, sak); !feil.Er(err, feil.IkkeFunnet) {
		t.Errorf("a case as a test: %v", err)
	}
	must(t, h.s.AvbrytProve(ctx, orgOslo, id))
	must(t, h.s.AvbrytProve(ctx, orgOslo, id)) // at its end
	if p := h.lesProve(t, orgOslo, id); !p.Avbrutt || p.Slutt.IsZero() {
		t.Errorf("%+v", p)
	}
	ny := h.prov(t, orgOslo)
	ps, err := h.s.Prover(ctx, orgOslo, 10)
	must(t, err)
	if len(ps) != 2 || ps[0].ID != ny && ps[1].ID != ny {
		t.Errorf("%+v", ps)
	}
	// The refusal of a test is for whoever looks at it: no e-mail.
	h.lever(t)
	l := h.fiksIO.sett[len(h.fiksIO.sett)-1].l
	h.write(t, func(tx *store.Tx) error {
		_, err := h.lev.Avvist(ctx, tx, levering.KanalFiksIO, l.LeveranseID, "avvist", "fordi")
		return err
	})
	epost, err := h.Epost.Alle(ctx)
	must(t, err)
	if p := h.lesProve(t, orgOslo, l.KildeID); len(epost) != 0 || l.Kilde == KildeProve && (p.Begrunnelse != "fordi" || p.Slutt.IsZero()) {
		t.Errorf("%+v %+v", p, epost)
	}
}

// Many at once: one is sent.
func TestSamtidigeProver(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	ctx := auth.With(t.Context(), adminOs)
	var sendt atomic.Int32
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			err := h.s.SendProve(ctx, orgOslo, uuid.NewString())
			if err == nil {
				sendt.Add(1)
			} else if !feil.Er(err, feil.Konflikt) {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	h.lever(t)
	if sendt.Load() != 1 || len(h.fiksIO.sett) != 1 {
		t.Errorf("%d were taken in, %d sent", sendt.Load(), len(h.fiksIO.sett))
	}
}
