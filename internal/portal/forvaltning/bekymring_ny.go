package forvaltning

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"

	"github.com/google/uuid"

	"knutepunkt/internal/auth"
	"knutepunkt/internal/bekymringsmelding"
	"knutepunkt/internal/bekymringsmelding/skjema"
	"knutepunkt/internal/feil"
	"knutepunkt/internal/organisasjon"
	"knutepunkt/internal/portal"
)

// utkastBydel is the kind of the draft that a new office is until it is made.
const utkastBydel = "bydel"

// nyttKontor is what the pages of a new office have in common. The answers are a draft:
// its "id" becomes the office's ressurs, so that what is sent twice is made once.
type nyttKontor struct {
	org    organisasjon.Organisasjon
	t      portal.Tolk
	fnr    string
	utkast portal.Utkast
	kanal  bydelkanal       // zero: not chosen yet
	mottak []portal.Feltdef // of the kanal
	alle   string           // the address of the list
	base   string           // of these pages
	andre  map[string]bool  // numbers that are taken
}

// nyBydel reads the draft for a page. Without the agreements there is nothing to begin.
func (p *Forvaltning) nyBydel(h func(http.ResponseWriter, *http.Request, nyttKontor) error) func(http.ResponseWriter, *http.Request) error {
	return func(w http.ResponseWriter, r *http.Request) error {
		s, mangler, err := p.lesNyBydel(r)
		if err != nil {
			return err
		}
		if mangler {
			return portal.Videre(w, r, s.alle) // where they are listed
		}
		return h(w, r, s)
	}
}

func (p *Forvaltning) lesNyBydel(r *http.Request) (s nyttKontor, mangler bool, err error) {
	ctx := r.Context()
	s.fnr = auth.From(ctx).Fnr
	if s.org, s.t, err = p.kommune(r); err != nil {
		return s, false, err
	}
	s.alle = "/forvaltning/" + s.org.ID + "/" + bydelmeny
	s.base = s.alle + "/ny"
	avtaler, err := p.manglendeAvtaler(ctx, s.t, s.org.ID, organisasjon.TypeBekymringsmelding)
	if err != nil || len(avtaler) > 0 {
		return s, true, err
	}
	if s.utkast, _, err = p.Utkast(ctx, s.fnr, utkastBydel, s.org.ID); err != nil {
		return s, false, err
	}
	andre, err := p.Bekymring.BydelerI(ctx, s.org.ID)
	if err != nil {
		return s, false, err
	}
	s.andre = map[string]bool{}
	for _, b := range andre {
		s.andre[b.Bydelsnummer] = true
	}
	return s, false, p.velgKanal(ctx, &s)
}

// velgKanal finds the fields of the kanal that the draft has.
func (p *Forvaltning) velgKanal(ctx context.Context, s *nyttKontor) (err error) {
	i := slices.IndexFunc(bydelkanaler, func(k bydelkanal) bool { return k.sti == s.utkast.Felt.Get("kanal") })
	if i < 0 {
		return nil // not answered yet
	}
	s.kanal = bydelkanaler[i]
	s.mottak, err = p.mottakFelt(ctx, s.t, s.org.ID, s.kanal.kanal)
	return err
}

// holder tells whether both pages have been answered, and the answers hold still; else
// which page does not.
func (p *Forvaltning) holder(ctx context.Context, s nyttKontor) (mangler string, err error) {
	v := s.utkast.Felt
	if len(portal.LesSkjema(s.t, nyBydelFelt(s.t), v, true).Feil) > 0 || s.kanal.sti == "" {
		return s.base, nil
	}
	if !slices.Contains(s.utkast.Ferdig, s.kanal.sti) || len(portal.LesSkjema(s.t, s.mottak, v, true).Feil) > 0 {
		return s.base + "/mottak", nil
	}
	if medNokkel(s.kanal.kanal) && v.Get("sertifikat") == "" {
		if s.kanal.kanal != bekymringsmelding.KanalFiksIO {
			return s.base + "/mottak", nil
		}
		k, err := p.FiksIO.Konto(ctx, v.Get("konto"))
		if feil.Er(err, feil.IkkeFunnet) {
			err = nil
		}
		if err != nil || k.Sertifikat == nil {
			return s.base + "/mottak", err
		}
	}
	return "", nil
}

// visNyside answers with a page of a new office.
func (p *Forvaltning) visNyside(w http.ResponseWriter, r *http.Request, s nyttKontor, status int, mal string, nr int, feilene []portal.Lenke, d map[string]any) error {
	liste := portal.Stegliste{Merke: s.t("bydel.steg"), Nr: nr}
	for i, x := range []struct{ tekst, sti string }{{"bydel.steg.kontor", ""}, {"bydel.steg.mottak", "/mottak"}, {"bydel.steg.seover", ""}} {
		pkt := portal.Stegpunkt{Tekst: s.t(x.tekst), Ferdig: i+1 < nr, Her: i+1 == nr}
		if pkt.Ferdig {
			pkt.URL = s.base + x.sti
		}
		liste.Steg = append(liste.Steg, pkt)
	}
	tittel := s.t([]string{"bydel.ny", "bydel.ny.mottak", "bydel.ny.seover"}[nr-1])
	d["Stegliste"], d["Tittel"], d["Avbryt"] = liste, tittel, s.alle
	if !s.utkast.Endret.IsZero() {
		d["Lagret"] = s.t("utkast.lagret", "tid", portal.Tidspunkt(p.Spraak(r), s.utkast.Endret)) + " " +
			s.t("utkast.slettes", "dato", portal.Dato(p.Spraak(r), s.utkast.Endret.Add(portal.Utkasttid)))
	}
	return p.visOrg(w, r, status, mal, orgside{Tittel: tittel, Org: &s.org, Aktiv: bydelmeny, Feil: feilene,
		Smuler: []portal.Lenke{{Tekst: s.t("bydel.tjeneste"), URL: s.alle}, {Tekst: s.t("bydel.ny")}}, Data: d})
}

// lesBydelsutkast gives what a page shows: what was filled in before the login ran out,
// or naa.
func (p *Forvaltning) lesBydelsutkast(r *http.Request, t portal.Tolk, naa url.Values) (url.Values, []portal.Melding, error) {
	felt, m, err := p.lesGjenopprettet(r, t)
	if err != nil || len(felt) > 0 { // a form with a file is not kept
		return felt, m, err
	}
	return naa, nil, nil
}

func (p *Forvaltning) visNyttKontor(w http.ResponseWriter, r *http.Request, s nyttKontor) error {
	naa := s.utkast.Felt
	if len(naa) == 0 && len(s.andre) == 0 { // most municipalities have one office
		naa = url.Values{"nummer": {"00"}, "navn": {s.org.Navn}}
	}
	felt, m, err := p.lesBydelsutkast(r, s.t, naa)
	if err != nil {
		return err
	}
	return p.visNyside(w, r, s, http.StatusOK, "bydelskjema", 1, nil, map[string]any{"Skjema": portal.LesSkjema(s.t, nyBydelFelt(s.t), felt, false), "Meldinger": m,
		"Om": []string{s.t("bydel.ny.om")}, "Knapp": s.t("veiviser.videre")})
}

// lagreUtkastet stores answers in the draft.
func (p *Forvaltning) lagreUtkastet(ctx context.Context, s *nyttKontor, defs []portal.Feltdef, felt url.Values) error {
	for _, d := range defs {
		delete(s.utkast.Felt, d.Navn)
	}
	for navn, verdier := range felt {
		s.utkast.Felt[navn] = verdier
	}
	if s.utkast.Felt.Get("id") == "" {
		s.utkast.Felt.Set("id", uuid.NewString())
	}
	return p.LagreUtkast(ctx, s.fnr, utkastBydel, s.org.ID, s.utkast)
}

// lagreNyttKontor keeps the answers of the first page, also those that do not hold.
func (p *Forvaltning) lagreNyttKontor(w http.ResponseWriter, r *http.Request, s nyttKontor) error {
	if err := p.GlemSkjema(r); err != nil {
		return err
	}
	defs := nyBydelFelt(s.t)
	felt := portal.Rens(defs, r.PostForm)
	sk := portal.LesSkjema(s.t, defs, felt, true)
	if s.andre[felt.Get("nummer")] {
		sk.FeilPaa("nummer", s.t("bydel.nummer.opptatt", "nummer", felt.Get("nummer")))
	}
	if err := p.lagreUtkastet(r.Context(), &s, defs, felt); err != nil {
		return err
	}
	if len(sk.Feil) > 0 {
		return p.visNyside(w, r, s, http.StatusUnprocessableEntity, "bydelskjema", 1, sk.Feil, map[string]any{"Skjema": sk, "Om": []string{s.t("bydel.ny.om")}, "Knapp": s.t("veiviser.videre")})
	}
	return portal.Videre(w, r, s.base+"/mottak")
}

func (p *Forvaltning) visNyttMottak(w http.ResponseWriter, r *http.Request, s nyttKontor) error {
	if s.kanal.sti == "" {
		return portal.Videre(w, r, s.base)
	}
	naa := s.utkast.Felt
	if !slices.Contains(s.utkast.Ferdig, s.kanal.sti) {
		naa = mottaksvar(bekymringsmelding.Bydel{Kontakter: portal.Adresser(naa.Get("kontakter"))}, s.kanal.kanal)
		naa.Set("utgave", string(skjema.V2))
	}
	felt, m, err := p.lesBydelsutkast(r, s.t, naa)
	if err != nil {
		return err
	}
	inn := mottakinn{skjema: portal.LesSkjema(s.t, s.mottak, felt, false), status: http.StatusOK}
	if medNokkel(s.kanal.kanal) {
		inn.nokkel = &bydelnokkel{Naa: p.visNokkel(s.t, fraPEM(s.utkast.Felt.Get("sertifikat"))), Om: s.t("bydel.nokkel.om")}
	}
	return p.visNyttMottakMed(w, r, s, inn, m)
}

func (p *Forvaltning) visNyttMottakMed(w http.ResponseWriter, r *http.Request, s nyttKontor, inn mottakinn, m []portal.Melding) error {
	return p.visNyside(w, r, s, inn.status, "bydelskjema", 2, inn.skjema.Feil, map[string]any{"Skjema": inn.skjema, "Nokkel": inn.nokkel, "Meldinger": m,
		"Om": []string{s.t(s.kanal.tekst) + ". " + s.t(s.kanal.om)}, "Knapp": s.t("veiviser.videre"), "Forrige": s.base})
}

func (p *Forvaltning) lagreNyttMottak(w http.ResponseWriter, r *http.Request, s nyttKontor) error {
	if s.kanal.sti == "" {
		return portal.Videre(w, r, s.base)
	}
	if err := p.GlemSkjema(r); err != nil {
		return err
	}
	inn, err := p.sjekkMottak(r, s.t, s.org, s.kanal.kanal, s.mottak, fraPEM(s.utkast.Felt.Get("sertifikat")))
	if err != nil {
		return err
	}
	if len(inn.skjema.Feil) > 0 {
		return p.visNyttMottakMed(w, r, s, inn, nil)
	}
	s.utkast.Ferdig = []string{s.kanal.sti}
	switch {
	case inn.sertifikat != nil:
		s.utkast.Felt.Set("sertifikat", string(somPEM(inn.sertifikat)))
	case inn.kontoens:
		s.utkast.Felt.Del("sertifikat")
	}
	if err := p.lagreUtkastet(r.Context(), &s, s.mottak, inn.felt); err != nil {
		return err
	}
	return portal.Videre(w, r, s.base+"/se-over")
}

func (p *Forvaltning) visNyBydelSeOver(w http.ResponseWriter, r *http.Request, s nyttKontor) error {
	if mangler, err := p.holder(r.Context(), s); err != nil {
		return err
	} else if mangler != "" {
		return portal.Videre(w, r, mangler)
	}
	return p.visNyBydelSeOverMed(w, r, s, http.StatusOK, nil)
}

func (p *Forvaltning) visNyBydelSeOverMed(w http.ResponseWriter, r *http.Request, s nyttKontor, status int, feilene []portal.Lenke) error {
	grupper := []portal.Gruppe{
		svarene(s.t, steg{tittel: "bydel.steg.kontor", felt: nyBydelFelt(s.t)}, s.utkast.Felt, s.base),
		svarene(s.t, steg{tittel: "bydel.steg.mottak", felt: s.mottak}, s.utkast.Felt, s.base+"/mottak")}
	d := map[string]any{"Grupper": grupper, "ID": s.utkast.Felt.Get("id"), "Forrige": s.base + "/mottak", "Forste": len(s.andre) == 0}
	if medNokkel(s.kanal.kanal) {
		d["Nokkel"] = p.visNokkel(s.t, fraPEM(s.utkast.Felt.Get("sertifikat")))
	}
	return p.visNyside(w, r, s, status, "bydelseover", 3, feilene, d)
}

// opprettBydel makes the office of the draft. The form brings the id: sent twice, it
// makes one.
func (p *Forvaltning) opprettBydel(w http.ResponseWriter, r *http.Request, s nyttKontor) error {
	ctx := r.Context()
	if err := p.GlemSkjema(r); err != nil {
		return err
	}
	if b, err := p.Bekymring.BydelMedRessurs(ctx, r.PostForm.Get("id")); err == nil && b.FiksOrgID == s.org.ID {
		return portal.Videre(w, r, s.alle+"/"+b.RessursID)
	} else if err != nil && !feil.Er(err, feil.IkkeFunnet) {
		return err
	}
	if mangler, err := p.holder(ctx, s); err != nil {
		return err
	} else if mangler != "" {
		return portal.Videre(w, r, mangler)
	}
	v := s.utkast.Felt
	b, err := p.Bekymring.OpprettBydel(ctx, s.org.ID, bekymringsmelding.NyBydel{RessursID: v.Get("id"), Bydelsnummer: v.Get("nummer"), Navn: v.Get("navn"),
		Adresse: bydeladresse(v), Kontakter: portal.Adresser(v.Get("kontakter")), Telefon: v.Get("telefon"),
		Konto: somMottak(bekymringsmelding.Bydel{}, s.kanal.kanal, v, fraPEM(v.Get("sertifikat")))})
	if f, ok := errors.AsType[*feil.Feil](err); ok && f.Kode == feil.Ugyldig {
		portal.Noter(r, err)
		grunn := avvist(s.t, s.org.ID, err)
		if f.ErrorCode == bekymringsmelding.KodeBydelsnummerOpptatt {
			grunn = portal.Lenke{Tekst: s.t("bydel.nummer.opptatt", "nummer", v.Get("nummer")), URL: s.base + "#nummer"}
		}
		return p.visNyBydelSeOverMed(w, r, s, http.StatusUnprocessableEntity, []portal.Lenke{grunn})
	} else if err != nil {
		return err
	}
	if err := p.SlettUtkast(ctx, s.fnr, utkastBydel, s.org.ID); err != nil {
		return err
	}
	return portal.Videre(w, r, s.alle+"/"+b.RessursID+"?gjort=ny")
}
