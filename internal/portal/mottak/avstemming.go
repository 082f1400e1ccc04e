package mottak

import (
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"knutepunkt/internal/auth"
	"knutepunkt/internal/feil"
	"knutepunkt/internal/httpx"
	"knutepunkt/internal/portal"
)

// maksViste bounds how many gaps, and unknown ids, are shown: the first.
const maksViste = 100

// erID tells whether a text is a UUID as it is written out.
func erID(s string) bool { return len(s) == 36 && uuid.Validate(s) == nil }

// enhet is one of the person's offices, with the service that it belongs to.
type enhet struct {
	Enhet
	tjeneste Avstemming
}

func (e enhet) sti() string { return "/mottak/avstemming/" + e.ID }

// enheter are the person's offices, of all services.
func (m *Mottak) enheter(r *http.Request) (ut []enhet, err error) {
	for _, a := range m.Avstemming {
		alle, err := a.Enheter(r.Context(), auth.From(r.Context()))
		if err != nil {
			return nil, err
		}
		for _, e := range alle {
			ut = append(ut, enhet{e, a})
		}
	}
	return ut, nil
}

// enheten finds the office of the address; feil.IkkeFunnet.
func (m *Mottak) enheten(r *http.Request) (enhet, error) {
	alle, err := m.enheter(r)
	if err != nil {
		return enhet{}, err
	}
	i := slices.IndexFunc(alle, func(e enhet) bool { return e.ID == r.PathValue("enhet") })
	if i < 0 {
		return enhet{}, ukjentEnhet()
	}
	return alle[i], nil
}

// visAvstemming shows how each office stands; the only one at once.
func (m *Mottak) visAvstemming(w http.ResponseWriter, r *http.Request) error {
	alle, err := m.enheter(r)
	if err != nil {
		return err
	}
	if len(alle) == 1 {
		return portal.Videre(w, r, alle[0].sti())
	}
	t := m.Tolk(r)
	tab := portal.Tabell{Merke: t("mottak.enheter"), Kolonner: []string{t("mottak.kontor"), t("mottak.avvik"), t("mottak.hva"), t("mottak.tall.sendt"), t("mottak.tall.bekreftet"), t("mottak.tall.registrert")}}
	for _, e := range alle {
		avvik := portal.Celle{Tekst: t("mottak.avvik.ingen"), Farge: "success"}
		if e.AntallAvvik > 0 {
			avvik = portal.Celle{Tekst: t("mottak.avvik.antall", "n", e.AntallAvvik), Farge: "warning"}
		}
		tab.Rader = append(tab.Rader, []portal.Celle{{Tekst: e.Navn, URL: e.sti()}, avvik, {Tekst: t(e.Tjeneste)},
			portal.Tall(int64(e.Sendt)), portal.Tall(int64(e.Bekreftet)), portal.Tall(int64(e.Registrert))})
	}
	return m.visFane(w, r, "mottakavstemming", "mottak.avstemming", "/mottak/avstemming", map[string]any{"Tabell": tab, "Antall": len(alle)})
}

// avviket is a gap as it is shown.
type avviket struct {
	ID, Hva, Kanal, Alder, Ref string
	Levert                     time.Time
	PaaVei, Krysset            bool
}

// enhetside is what the page of an office shows beside what is so.
type enhetside struct {
	felt  url.Values // what was filled in
	feil  string
	feilI string // the field that is wrong
}

func (m *Mottak) visEnhet(w http.ResponseWriter, r *http.Request) error {
	e, err := m.enheten(r)
	if err != nil {
		return err
	}
	felt, err := m.Gjenopprettet(r)
	if err != nil {
		return err
	}
	return m.visEnhetMed(w, r, e, http.StatusOK, enhetside{felt: felt})
}

func (m *Mottak) visEnhetMed(w http.ResponseWriter, r *http.Request, e enhet, status int, s enhetside) error {
	t, naa := m.Tolk(r), m.Klokke.Now()
	var avvik []avviket
	for _, a := range e.Avvik {
		if len(avvik) == maksViste {
			break
		}
		avvik = append(avvik, avviket{ID: a.ID, Ref: a.Ref, Hva: t(a.Hva), Kanal: t(a.Kanal), Alder: alder(t, naa.Sub(a.Levert)), Levert: a.Levert, PaaVei: a.PaaVei,
			Krysset: slices.Contains(s.felt["id"], a.ID)})
	}
	var feilene []portal.Lenke
	if s.feil != "" {
		feilene = []portal.Lenke{{Tekst: s.feil, URL: "#" + s.feilI}}
	}
	tall := portal.Gruppe{Svar: []portal.Svar{{Navn: t("mottak.tall.sendt"), Verdi: strconv.Itoa(e.Sendt)}, {Navn: t("mottak.tall.bekreftet"), Verdi: strconv.Itoa(e.Bekreftet)},
		{Navn: t("mottak.tall.registrert"), Verdi: strconv.Itoa(e.Registrert)}, {Navn: t("mottak.avvik"), Verdi: strconv.Itoa(e.AntallAvvik)}}}
	return m.Vis(w, r, status, "mottakenhet", portal.Side{Tittel: t("mottak.avstemming") + " – " + e.Navn, Feil: feilene, Data: map[string]any{
		"Faner": fanene(t, "/mottak/avstemming"), "Navn": e.Navn, "Tjeneste": t(e.Tjeneste), "Tall": tall, "Avvik": avvik, "Flere": e.AntallAvvik - len(avvik), "Her": e.sti(),
		"Nokkel": uuid.NewString(), "Liste": s.felt.Get("liste"), "Feilen": s.feil, "FeilI": s.feilI}})
}

// Fields of the forms: the boxes by their gaps, a list that is pasted, and a file.
const (
	feltID    = "id"
	feltListe = "liste"
	feltFil   = "fil"
)

// registrer takes what the office has registered, told in one of three ways. Sent twice,
// the receipt is the same.
func (m *Mottak) registrer(w http.ResponseWriter, r *http.Request) error {
	e, err := m.enheten(r)
	if err != nil {
		return err
	}
	if err := m.GlemSkjema(r); err != nil {
		return err
	}
	ider, nokkel, s, err := m.lesRegistrert(r)
	if err != nil {
		return err
	}
	if s.feil != "" {
		return m.visEnhetMed(w, r, e, http.StatusUnprocessableEntity, s)
	}
	ctx, av := r.Context(), auth.From(r.Context())
	// The key of the form and what it says: the same form with other ticks is another one.
	kvittering := uuid.NewSHA1(uuid.Nil, []byte(strings.Join(append([]string{nokkel, e.ID}, ider...), "\n"))).String()
	if _, finnes, err := m.Utkast(ctx, av.Fnr, utkastAvstemt, kvittering); err != nil {
		return err
	} else if !finnes {
		svar, err := e.tjeneste.Registrer(ctx, av, e.ID, ider)
		if err != nil {
			return err
		}
		if err := m.FullforUtkast(ctx, av.Fnr, utkastAvstemt, "", portal.FraUtkast{Skjema: utkastAvstemt, Gjelder: kvittering, Utkast: somUtkast(e.ID, svar)}); err != nil {
			return err
		}
	}
	return portal.Videre(w, r, e.sti()+"/kvittering/"+kvittering)
}

// lesRegistrert reads one of the three forms; what is wrong with it is in s.
func (m *Mottak) lesRegistrert(r *http.Request) (ider []string, nokkel string, s enhetside, err error) {
	t := m.Tolk(r)
	s.felt = r.PostForm
	liste, feltet := r.PostForm.Get(feltListe), feltListe
	nokkel = r.PostForm.Get("nokkel")
	if strings.HasPrefix(r.Header.Get("Content-Type"), "multipart/") {
		feltet = feltFil
		if liste, nokkel, err = lesFil(r); feil.Er(err, feil.ForStor) {
			s.feil, s.feilI = t("mottak.fil.stor"), feltet
			return nil, "", s, nil
		} else if err != nil {
			return nil, "", s, err
		}
	} else if r.PostForm.Get("maate") == "valgte" {
		switch ider = r.PostForm[feltID]; {
		case len(ider) == 0:
			s.feil, s.feilI = t("mottak.valgte.mangler"), "avvik-0"
		case len(ider) > httpx.MaksIder: // more boxes than a page has
			s.feil, s.feilI = t("mottak.liste.mange"), "avvik-0"
		}
		return ider, nokkel, s, nil
	}
	if s.feilI = feltet; strings.Trim(liste, "\ufeff \t\r\n") == "" {
		s.feil = t(map[string]string{feltListe: "mottak.liste.mangler", feltFil: "mottak.fil.mangler"}[feltet])
		return nil, "", s, nil
	}
	ider, err = lesListe(liste)
	switch {
	case feil.Er(err, feil.ForStor):
		s.feil = t("mottak.liste.mange")
	case feil.Er(err, feil.Ugyldig):
		s.feil = t("mottak.liste.ugyldig")
	default:
		return ider, nokkel, s, err
	}
	return nil, "", s, nil
}

// lesListe reads JSON, or ids with whatever people put between them.
func lesListe(liste string) ([]string, error) {
	liste = strings.TrimSpace(strings.TrimPrefix(liste, "\ufeff"))
	if strings.HasPrefix(liste, "[") || strings.HasPrefix(liste, "{") {
		return httpx.LesIder("application/json", []byte(liste))
	}
	ord := strings.FieldsFunc(liste, func(c rune) bool { return strings.ContainsRune(" \t\r\n,;\"", c) })
	return httpx.LesIder("text/plain", []byte(strings.Join(ord, "\n")))
}

// lesFil reads the form with a file; feil.ForStor.
func lesFil(r *http.Request) (fil, nokkel string, err error) {
	d, err := httpx.LesDeler(r, 0) // the route bounds it
	if err != nil {
		return "", "", err
	}
	for {
		del, err := d.Neste()
		if err == io.EOF {
			return fil, nokkel, nil
		} else if err != nil {
			return "", "", err
		}
		b, err := io.ReadAll(io.LimitReader(del.Innhold, maksOpplasting+1))
		if err != nil {
			return "", "", d.Feil(err)
		}
		if len(b) > maksOpplasting {
			return "", "", feil.Ny(feil.ForStor, "Filen er for stor")
		}
		switch del.Navn {
		case feltFil:
			fil = string(b)
		case "nokkel":
			nokkel = string(b)
		}
	}
}

// somUtkast is the receipt as it is kept, and fraUtkast reads it.
func somUtkast(enhetID string, a Avstemt) portal.Utkast {
	return portal.Utkast{Felt: url.Values{"enhet": {enhetID}, "registrert": {strconv.Itoa(a.Registrert)}, "tidligere": {strconv.Itoa(a.Tidligere)},
		"ugyldige": {strconv.Itoa(a.Ugyldige)}, "gjenstaar": {strconv.Itoa(a.Gjenstaar)}, "antall": {strconv.Itoa(len(a.Ukjent))}, "ukjent": a.Ukjent[:min(len(a.Ukjent), maksViste)]}}
}

// visAvstemt is the receipt, for whoever told.
func (m *Mottak) visAvstemt(w http.ResponseWriter, r *http.Request) error {
	e, err := m.enheten(r)
	if err != nil {
		return err
	}
	u, finnes, err := m.Utkast(r.Context(), auth.From(r.Context()).Fnr, utkastAvstemt, r.PathValue("kvittering"))
	if err != nil {
		return err
	}
	if !finnes || u.Felt.Get("enhet") != e.ID {
		return feil.Ny(feil.IkkeFunnet, "Kvitteringen finnes ikke")
	}
	t := m.Tolk(r)
	tall := func(navn string) int { n, _ := strconv.Atoi(u.Felt.Get(navn)); return n } // as somUtkast wrote it
	ukjente := tall("antall") + tall("ugyldige")
	svar := portal.Gruppe{Svar: []portal.Svar{{Navn: t("mottak.avstemt.registrert"), Verdi: u.Felt.Get("registrert")}, {Navn: t("mottak.avstemt.tidligere"), Verdi: u.Felt.Get("tidligere")},
		{Navn: t("mottak.avstemt.ukjent"), Verdi: strconv.Itoa(ukjente)}, {Navn: t("mottak.avstemt.gjenstaar"), Verdi: u.Felt.Get("gjenstaar")}}}
	return m.Vis(w, r, http.StatusOK, "mottakavstemt", portal.Side{Tittel: t("mottak.avstemt"), Smuler: m.enhetsmuler(t, e, "mottak.avstemt"), Data: map[string]any{
		"Navn": e.Navn, "Svar": svar, "Ukjente": u.Felt["ukjent"], "Flere": tall("antall") - len(u.Felt["ukjent"]), "Ugyldige": tall("ugyldige"), "AlleUkjente": ukjente, "Her": e.sti()}})
}

func (m *Mottak) enhetsmuler(t portal.Tolk, e enhet, her string) []portal.Lenke {
	return smuler(t, portal.Lenke{Tekst: t("mottak.avstemming"), URL: "/mottak/avstemming"}, portal.Lenke{Tekst: e.Navn, URL: e.sti()}, portal.Lenke{Tekst: t(her)})
}

// avvik finds the gap of the address; feil.IkkeFunnet.
func (m *Mottak) avvik(r *http.Request) (enhet, Avvik, error) {
	e, err := m.enheten(r)
	if err != nil {
		return e, Avvik{}, err
	}
	for _, a := range e.Avvik {
		if a.ID == r.PathValue("id") {
			return e, a, nil
		}
	}
	return e, Avvik{}, feil.Ny(feil.IkkeFunnet, "Avviket finnes ikke")
}

// visLever asks whether what a gap names is to be delivered once more.
func (m *Mottak) visLever(w http.ResponseWriter, r *http.Request) error {
	e, a, err := m.avvik(r)
	if err != nil {
		return err
	}
	t := m.Tolk(r)
	if a.PaaVei {
		return portal.Videre(w, r, e.sti()+"/avvik/"+a.ID+"/paa-vei")
	}
	return m.Vis(w, r, http.StatusOK, "mottaklever", portal.Side{Tittel: t("mottak.lever"), Smuler: m.enhetsmuler(t, e, "mottak.lever"),
		Data: map[string]any{"ID": a.ID, "Hva": t(a.Hva), "Kanal": t(a.Kanal), "Levert": a.Levert, "Om": t(e.Om), "Her": e.sti()}})
}

// lever delivers it once more. Twice is once.
func (m *Mottak) lever(w http.ResponseWriter, r *http.Request) error {
	e, a, err := m.avvik(r)
	if err != nil {
		return err
	}
	if err := m.GlemSkjema(r); err != nil {
		return err
	}
	if err := e.tjeneste.LeverPaaNytt(r.Context(), auth.From(r.Context()), e.ID, a.ID); err != nil {
		return err
	}
	return portal.Videre(w, r, e.sti()+"/avvik/"+a.ID+"/paa-vei")
}

// visPaaVei is the receipt of that.
func (m *Mottak) visPaaVei(w http.ResponseWriter, r *http.Request) error {
	e, a, err := m.avvik(r)
	if err != nil {
		return err
	}
	if !a.PaaVei {
		return portal.Videre(w, r, e.sti())
	}
	t := m.Tolk(r)
	return m.Vis(w, r, http.StatusOK, "mottakkvittering", portal.Side{Tittel: t("mottak.paavei"), Smuler: m.enhetsmuler(t, e, "mottak.paavei"),
		Data: map[string]any{"ID": a.ID, "Kvittering": portal.Kvittering{Tittel: t("mottak.paavei"), Tekst: t("mottak.paavei.om")}, "Tilbake": e.sti(), "TilbakeTekst": t("mottak.tilbake.avstemming")}})
}
