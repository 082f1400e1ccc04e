package forvaltning

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/google/uuid"

	"knutepunkt/internal/auth"
	"knutepunkt/internal/feil"
	"knutepunkt/internal/fiksio"
	"knutepunkt/internal/organisasjon"
	"knutepunkt/internal/portal"
	"knutepunkt/internal/store"
)

// kontovarseltid is how long before its end a key is warned of (web contract §3.1).
const kontovarseltid = 60 * 24 * time.Hour

// maksNokkelskjema bounds the form of a new key, bytes: enough for a file that is
// too large for a certificate to be told of on the page.
const maksNokkelskjema = 1 << 20

// kontoRuter are the pages of the Fiks IO kontoer of an organisation.
func (p *Forvaltning) kontoRuter(org string, se, endre auth.Tilgang) []auth.Route {
	k := org + "/kontoer/{konto}"
	nokkel := p.Rute("POST "+k+"/nokkel", endre, p.medKonto(p.lagreKontonokkel))
	nokkel.MaxBody = maksNokkelskjema
	return []auth.Route{
		p.Rute("GET "+org+"/kontoer", se, p.visKontoer),
		p.Rute("GET "+org+"/kontoer/ny", endre, p.visNyKonto),
		p.Rute("POST "+org+"/kontoer/ny", endre, p.opprettKonto),
		p.Rute("GET "+k, endre, p.medKonto(p.visKonto)),
		p.Rute("POST "+k, endre, p.medKonto(p.settKontoAktiv)),
		p.Rute("GET "+k+"/navn", endre, p.medKonto(p.visKontonavn)),
		p.Rute("POST "+k+"/navn", endre, p.medKonto(p.lagreKontonavn)),
		p.Rute("GET "+k+"/slett", endre, p.medKonto(p.visSlettKonto)),
		p.Rute("POST "+k+"/slett", endre, p.medKonto(p.slettKonto)),
		p.Rute("GET "+k+"/nokkel", endre, p.medKonto(p.visKontonokkel)),
		nokkel,
		p.Rute("GET "+k+"/adresser", endre, p.medKonto(p.visKontoadresser)),
		p.Rute("GET "+k+"/adresser/ny", endre, p.medKonto(p.visNyAdresse)),
		p.Rute("POST "+k+"/adresser/ny", endre, p.medKonto(p.opprettAdresse)),
		p.Rute("GET "+k+"/adresser/{adresse}", endre, p.medKonto(p.visAdresse)),
		p.Rute("POST "+k+"/adresser/{adresse}", endre, p.medKonto(p.lagreAdresse)),
		p.Rute("GET "+k+"/adresser/{adresse}/slett", endre, p.medKonto(p.visSlettAdresse)),
		p.Rute("POST "+k+"/adresser/{adresse}/slett", endre, p.medKonto(p.slettAdresse)),
		p.Rute("GET "+k+"/protokoller", endre, p.medKonto(p.visKontoprotokoller)),
		p.Rute("GET "+k+"/tilganger", endre, p.medKonto(p.visKontotilganger)),
		p.Rute("GET "+k+"/avsendere", endre, p.medKonto(p.visAvsendere)),
		p.Rute("POST "+k+"/avsendere", endre, p.medKonto(p.endreAvsendere)),
	}
}

// kontoside is what the pages of one konto have in common.
type kontoside struct {
	org   organisasjon.Organisasjon
	t     portal.Tolk
	k     fiksio.Konto
	stand kontostand
	av    string // who is at work
	her   string // the address of the konto's pages
}

// medKonto finds the konto in the path for a page; one of another organisation
// does not exist here. The platform's own can be looked at, and that alone.
func (p *Forvaltning) medKonto(h func(http.ResponseWriter, *http.Request, kontoside) error) func(http.ResponseWriter, *http.Request) error {
	return func(w http.ResponseWriter, r *http.Request) error {
		s, err := p.lesKonto(r)
		if err != nil {
			return err
		}
		if s.k.Intern && (r.Method != http.MethodGet || r.URL.Path != s.her) {
			return feil.Ny(feil.IkkeFunnet, "Siden finnes ikke")
		}
		return h(w, r, s)
	}
}

func (p *Forvaltning) lesKonto(r *http.Request) (s kontoside, err error) {
	if s.org, err = p.org(r); err != nil {
		return s, err
	}
	if s.k, err = p.FiksIO.Konto(r.Context(), r.PathValue("konto")); err != nil {
		return s, err
	}
	if s.k.FiksOrgID != s.org.ID {
		return s, feil.Ny(feil.IkkeFunnet, "Siden finnes ikke")
	}
	s.t, s.av = p.Tolk(r), auth.From(r.Context()).Aktor()
	s.her = "/forvaltning/" + s.org.ID + "/kontoer/" + s.k.ID
	s.stand, err = p.kontostand(r.Context(), s.t, p.Spraak(r), s.k)
	return s, err
}

// kontostand is how a konto is doing.
type kontostand struct {
	fiksio.Status
	Eldste     time.Time // of what waits
	Alder      string    // of that, in words
	Merke      portal.Celle
	Sertifikat *x509.Certificate // nil: none
	Nokkel     portal.Celle
	Tilsyn     bool // somebody should look after it
}

func (p *Forvaltning) kontostand(ctx context.Context, t portal.Tolk, spraak string, k fiksio.Konto) (s kontostand, err error) {
	if s.Status, err = p.FiksIO.Status(ctx, k); err != nil {
		return s, err
	}
	if s.Eldste, err = p.FiksIO.Eldste(ctx, k); err != nil {
		return s, err
	}
	naa := p.Klokke.Now()
	if !s.Eldste.IsZero() {
		s.Alder = alder(t, naa.Sub(s.Eldste))
	}
	if k.Sertifikat != nil {
		if s.Sertifikat, err = p.FiksIO.Sertifikat(ctx, k.ID); err != nil {
			return s, err
		}
	}
	utlopt := false
	switch c := s.Sertifikat; {
	case c == nil:
		s.Nokkel = portal.Celle{Tekst: t("kontoer.nokkel.ingen"), Farge: "danger"}
	case !naa.Before(c.NotAfter):
		utlopt = true
		s.Nokkel = portal.Celle{Tekst: t("kontoer.nokkel.utlopt"), Farge: "danger"}
	case naa.Before(c.NotBefore):
		s.Nokkel = portal.Celle{Tekst: t("kontoer.nokkel.fra", "dato", portal.Dato(spraak, c.NotBefore)), Farge: "danger"}
	case c.NotAfter.Sub(naa) < kontovarseltid:
		s.Nokkel = portal.Celle{Tekst: t("kontoer.nokkel.utloper", "tid", dagerIgjen(t, c.NotAfter.Sub(naa))), Farge: "warning"}
	default:
		s.Nokkel = portal.Celle{Tekst: t("kontoer.nokkel.til", "dato", portal.Dato(spraak, c.NotAfter))}
	}
	switch {
	case !k.Aktiv:
		s.Merke = portal.Celle{Tekst: t("kontoer.stand.inaktiv"), Farge: "neutral"}
		return s, nil
	case s.Sertifikat == nil:
		s.Merke = portal.Celle{Tekst: t("kontoer.stand.utennokkel"), Farge: "danger"}
	case utlopt:
		s.Merke = portal.Celle{Tekst: t("kontoer.stand.utlopt"), Farge: "danger"}
	case !s.GyldigMottaker:
		s.Merke = portal.Celle{Tekst: t("kontoer.stand.ikkemottaker"), Farge: "danger"}
	case s.AntallKonsumenter == 0:
		s.Merke = portal.Celle{Tekst: t("kontoer.stand.ingen"), Farge: "warning"}
	default:
		s.Merke = portal.Celle{Tekst: t("kontoer.stand.ok"), Farge: "success"}
	}
	s.Tilsyn = s.Merke.Farge != "success" || s.Nokkel.Farge != ""
	return s, nil
}

// alder is a stretch of time in words, rounded down.
func alder(t portal.Tolk, d time.Duration) string {
	for _, e := range []struct {
		lengde    time.Duration
		en, mange string
	}{
		{24 * time.Hour, "kontoer.alder.dogn", "kontoer.alder.flere"},
		{time.Hour, "kontoer.alder.time", "kontoer.alder.timer"},
		{time.Minute, "kontoer.alder.minutt", "kontoer.alder.minutter"},
	} {
		switch n := int64(d / e.lengde); {
		case n == 1:
			return t(e.en)
		case n > 1:
			return t(e.mange, "n", n)
		}
	}
	return t("kontoer.alder.naa")
}

// dagerIgjen is how many whole days are left, in words.
func dagerIgjen(t portal.Tolk, d time.Duration) string {
	switch n := int64(d / (24 * time.Hour)); {
	case n < 1:
		return t("kontoer.dag.ingen")
	case n == 1:
		return t("kontoer.dag.en")
	default:
		return t("kontoer.dag.flere", "n", n)
	}
}

// avtrykk is the SHA-256 of a certificate as people compare it; "" when there is none.
func avtrykk(der []byte) string {
	if der == nil {
		return ""
	}
	sum := sha256.Sum256(der)
	var b strings.Builder
	for i, c := range sum {
		if i > 0 {
			b.WriteByte(':')
		}
		b.WriteString(strings.ToUpper(hex.EncodeToString([]byte{c})))
	}
	return b.String()
}

// fiksIOIBruk tells whether the organisation uses Fiks IO.
func (p *Forvaltning) fiksIOIBruk(ctx context.Context, orgID string) (bool, error) {
	_, err := p.Organisasjon.TjenesteRessurs(ctx, orgID, organisasjon.TypeFiksIO)
	if feil.Er(err, feil.IkkeFunnet) {
		return false, nil
	}
	return err == nil, err
}

// kontokvittering is what has just been done, as the address says; none when it
// says nothing known.
func kontokvittering(r *http.Request, t portal.Tolk) []portal.Melding {
	tekst, ok := map[string]string{
		"lagret": "endring.lagret", "laget": "kontoer.laget", "slettet": "kontoer.slettet", "aktiv": "kontoer.aktivert", "inaktiv": "kontoer.deaktivert",
		"nokkel": "kontoer.nokkel.byttet", "adresse": "kontoer.adresse.laget", "adresseborte": "kontoer.adresse.slettet",
		"avsender": "kontoer.avsender.lagttil", "avsenderborte": "kontoer.avsender.fjernet",
	}[r.URL.Query().Get("gjort")]
	if !ok {
		return nil
	}
	return []portal.Melding{{Farge: "success", Tekst: t(tekst), Status: true}}
}

func gjenopprettet(t portal.Tolk) portal.Melding {
	return portal.Melding{Farge: "info", Tekst: t("skjema.gjenopprettet"), Status: true}
}

func kontokonflikt(t portal.Tolk) []portal.Melding {
	return []portal.Melding{{Farge: "warning", Tittel: t("konflikt.tittel"), Tekst: t("konflikt"), Status: true}}
}

// visKontoer lists the kontoer.
func (p *Forvaltning) visKontoer(w http.ResponseWriter, r *http.Request) error {
	org, err := p.org(r)
	if err != nil {
		return err
	}
	ctx, t := r.Context(), p.Tolk(r)
	iBruk, err := p.fiksIOIBruk(ctx, org.ID)
	if err != nil {
		return err
	}
	kontoer, err := p.FiksIO.Kontoer(ctx, org.ID)
	if err != nil {
		return err
	}
	tab := portal.Tabell{Merke: t("kontoer.tabell"), Kolonner: []string{t("kontoer.konto"), t("kontoer.status"), t("kontoer.konsumenter"),
		t("kontoer.venter"), t("kontoer.eldste"), t("kontoer.nokkel"), t("kontoer.id")}}
	for _, k := range kontoer {
		s, err := p.kontostand(ctx, t, p.Spraak(r), k)
		if err != nil {
			return err
		}
		navn := portal.Celle{Tekst: k.Navn, URL: "/forvaltning/" + org.ID + "/kontoer/" + k.ID}
		if k.Intern {
			navn.Tekst += " (" + t("kontoer.plattformens") + ")"
		}
		tab.Rader = append(tab.Rader, []portal.Celle{navn, s.Merke, portal.Tall(s.AntallKonsumenter), portal.Tall(s.AntallUavhentedeMeldinger),
			{Tekst: s.Alder}, s.Nokkel, {Tekst: k.ID, Kode: true}})
	}
	return p.visOrg(w, r, http.StatusOK, "kontoer", orgside{Tittel: t("meny.kontoer"), Org: &org, Aktiv: "kontoer",
		Data: map[string]any{"OrgID": org.ID, "IBruk": iBruk, "Tabell": tab, "Meldinger": kontokvittering(r, t)}})
}

// kontosammendrag is what the page of services says of the kontoer: how many, how
// much waits, and whether some need looking after.
func (p *Forvaltning) kontosammendrag(r *http.Request, t portal.Tolk, orgID string) (tekst, varsel string, err error) {
	kontoer, err := p.FiksIO.Kontoer(r.Context(), orgID)
	if err != nil {
		return "", "", err
	}
	tilsyn, venter := 0, int64(0)
	for _, k := range kontoer {
		s, err := p.kontostand(r.Context(), t, p.Spraak(r), k)
		if err != nil {
			return "", "", err
		}
		if venter += s.AntallUavhentedeMeldinger; s.Tilsyn {
			tilsyn++
		}
	}
	if tilsyn > 0 {
		varsel = t("kontoer.tilsyn", "n", tilsyn)
	}
	return t("kontoer.sammendrag", "n", len(kontoer), "venter", venter), varsel, nil
}

func kontonavnFelt() []portal.Feltdef {
	return []portal.Feltdef{{Navn: "navn", Etikett: "kontoer.navn", Hjelp: "kontoer.navn.hjelp", Maks: 200, Bredde: "middels",
		Mangler: "kontoer.navn.mangler", Sjekk: sjekkKontonavn}}
}

func sjekkKontonavn(s string) (string, []any) {
	switch {
	case len([]rune(s)) < 2:
		return "kontoer.navn.kort", nil
	case fiksio.Konto{Navn: s}.Validate() != nil:
		return "kontoer.navn.tegn", nil
	}
	return "", nil
}

func (p *Forvaltning) visNyKonto(w http.ResponseWriter, r *http.Request) error {
	org, err := p.org(r)
	if err != nil {
		return err
	}
	if ok, err := p.fiksIOIBruk(r.Context(), org.ID); err != nil {
		return err
	} else if !ok {
		return portal.Videre(w, r, "/forvaltning/"+org.ID+"/kontoer")
	}
	felt, err := p.Gjenopprettet(r)
	if err != nil {
		return err
	}
	var m []portal.Melding
	id := uuid.NewString()
	if felt != nil {
		id, m = felt.Get("id"), append(m, gjenopprettet(p.Tolk(r)))
	}
	return p.visKontoskjema(w, r, org, http.StatusOK, portal.LesSkjema(p.Tolk(r), kontonavnFelt(), felt, false), id, m)
}

func (p *Forvaltning) visKontoskjema(w http.ResponseWriter, r *http.Request, org organisasjon.Organisasjon, status int, s portal.Skjema, id string, m []portal.Melding) error {
	t := p.Tolk(r)
	return p.visOrg(w, r, status, "nykonto", orgside{Tittel: t("kontoer.ny"), Org: &org, Aktiv: "kontoer", Feil: s.Feil,
		Smuler: kontosmuler(t, org.ID, portal.Lenke{Tekst: t("kontoer.ny")}),
		Data:   map[string]any{"Skjema": s, "ID": id, "Meldinger": m, "Avbryt": "/forvaltning/" + org.ID + "/kontoer"}})
}

func kontosmuler(t portal.Tolk, orgID string, videre ...portal.Lenke) []portal.Lenke {
	return append([]portal.Lenke{{Tekst: t("meny.kontoer"), URL: "/forvaltning/" + orgID + "/kontoer"}}, videre...)
}

// opprettKonto makes a konto that is active. The form brings the id: sent twice,
// it makes one.
func (p *Forvaltning) opprettKonto(w http.ResponseWriter, r *http.Request) error {
	org, err := p.org(r)
	if err != nil {
		return err
	}
	if err := p.GlemSkjema(r); err != nil {
		return err
	}
	ctx, t, alle := r.Context(), p.Tolk(r), "/forvaltning/"+org.ID+"/kontoer"
	if ok, err := p.fiksIOIBruk(ctx, org.ID); err != nil {
		return err
	} else if !ok {
		return portal.Videre(w, r, alle)
	}
	u, err := uuid.Parse(r.PostForm.Get("id"))
	if err != nil {
		return feil.Ny(feil.Ugyldig, "Skjemaet mangler en id").Med(err)
	}
	id := u.String()
	felt := portal.Rens(kontonavnFelt(), r.PostForm)
	s := portal.LesSkjema(t, kontonavnFelt(), felt, true)
	if len(s.Feil) > 0 {
		return p.visKontoskjema(w, r, org, http.StatusUnprocessableEntity, s, id, nil)
	}
	k := fiksio.Konto{ID: id, FiksOrgID: org.ID, Navn: felt.Get("navn"), Aktiv: true, OpprettetAv: auth.From(ctx).Aktor()}
	err = p.DB.Write(ctx, func(tx *store.Tx) error {
		if ledig, err := p.FiksIO.NavnLedig(ctx, tx, k); err != nil {
			return err
		} else if !ledig {
			return errKontonavnOpptatt
		}
		_, err := p.FiksIO.OpprettKonto(ctx, tx, k)
		return err
	})
	switch {
	case errors.Is(err, errKontonavnOpptatt):
		s.FeilPaa("navn", t("kontoer.navn.opptatt", "navn", k.Navn))
		return p.visKontoskjema(w, r, org, http.StatusUnprocessableEntity, s, id, nil)
	case feil.Er(err, feil.Konflikt): // made already, by this form or for another
		if fins, err := p.FiksIO.Konto(ctx, id); err == nil && fins.FiksOrgID == org.ID {
			return portal.Videre(w, r, alle+"/"+id+"?gjort=laget")
		}
		return p.visOrg(w, r, http.StatusConflict, "konflikt", orgside{Tittel: t("konflikt.tittel"), Org: &org, Aktiv: "kontoer",
			Smuler: kontosmuler(t, org.ID), Data: map[string]any{"Tekst": t("kontoer.finnes"), "URL": alle + "/ny", "Lenke": t("kontoer.ny")}})
	case err != nil:
		return err
	}
	return portal.Videre(w, r, alle+"/"+id+"?gjort=laget")
}

// kontoskjema is a form on one of a konto's pages.
type kontoskjema struct {
	portal.Skjema
	Om     string // what the form is for
	Knapp  string
	Lagret *portal.Gruppe // what is stored, where somebody has changed it meanwhile
	Avbryt string
	Slett  string       // where the thing can be deleted; "" nowhere
	Lenke  portal.Lenke // to what is in the way
}

// visKontoside answers with a page of a konto. undertittel is what it is about
// below its fane; "" the fane itself.
func (p *Forvaltning) visKontoside(w http.ResponseWriter, r *http.Request, s kontoside, status int, mal, fane, undertittel string, feilene []portal.Lenke, m []portal.Melding, d map[string]any) error {
	f := portal.Faner{Merke: s.t("kontoer.faner", "konto", s.k.Navn)}
	var her portal.Lenke
	for _, x := range []struct{ sti, tekst string }{{"", "kontoer.oversikt"}, {"nokkel", "kontoer.nokkel"}, {"adresser", "kontoer.adresser"},
		{"protokoller", "kontoer.protokoller"}, {"tilganger", "kontoer.tilganger"}, {"avsendere", "kontoer.avsendere"}} {
		u := s.her
		if x.sti != "" {
			u += "/" + x.sti
		}
		if x.sti == fane {
			her = portal.Lenke{Tekst: s.t(x.tekst), URL: u}
		}
		if x.sti == "" || !s.k.Intern {
			f.Faner = append(f.Faner, portal.Fane{Tekst: s.t(x.tekst), URL: u, Valgt: x.sti == fane})
		}
	}
	smuler := []portal.Lenke{{Tekst: s.k.Navn, URL: s.her}}
	tittel := her.Tekst
	switch {
	case undertittel != "" && fane != "":
		tittel = undertittel
		smuler = append(smuler, her, portal.Lenke{Tekst: undertittel})
	case undertittel != "":
		tittel = undertittel
		smuler = append(smuler, portal.Lenke{Tekst: undertittel})
	case fane != "":
		smuler = append(smuler, portal.Lenke{Tekst: her.Tekst})
	default:
		smuler[0].URL = ""
	}
	d["K"], d["Stand"], d["Her"], d["OrgID"], d["Faner"], d["Meldinger"], d["Under"] = s.k, s.stand, s.her, s.org.ID, f, m, undertittel
	return p.visOrg(w, r, status, mal, orgside{Tittel: tittel + " – " + s.k.Navn, Org: &s.org, Aktiv: "kontoer", Feil: feilene,
		Smuler: kontosmuler(s.t, s.org.ID, smuler...), Data: d})
}

// lagret gives the answers to a form as they are stored.
func lagret(t portal.Tolk, defs []portal.Feltdef, v url.Values) *portal.Gruppe {
	g := &portal.Gruppe{}
	for _, d := range defs {
		verdier := v[d.Navn]
		if len(d.Valg) > 0 {
			verdier = nil
			for _, o := range d.Valg {
				for _, x := range v[d.Navn] {
					if x == o.Verdi {
						verdier = append(verdier, o.Etikett)
					}
				}
			}
		}
		g.Svar = append(g.Svar, portal.Svar{Navn: t(d.Etikett), Verdi: strings.Join(verdier, "\n")})
	}
	return g
}
