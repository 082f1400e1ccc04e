package bekymring

import (
	"cmp"
	"context"
	"net/http"
	"net/url"
	"slices"

	"knutepunkt/internal/auth"
	"knutepunkt/internal/bekymringsmelding"
	"knutepunkt/internal/feil"
	"knutepunkt/internal/portal"
)

// vetIkke is the choice of those who do not know the bydel: the standardMottaker gets it.
const vetIkke = "vet-ikke"

// kommune is a municipality that can be chosen; Tilknyttet when it receives reports here.
type kommune struct {
	Nummer, Navn string
	Tilknyttet   bool
}

// kommuner are all that are known, by name: also those that receive nothing here, so
// that whoever looks for one learns how to reach it.
func (b *Bekymring) kommuner(ctx context.Context) ([]kommune, error) {
	aktive, err := b.Melding.Kommuner(ctx)
	if err != nil {
		return nil, err
	}
	orger, err := b.Organisasjon.Organisasjoner(ctx)
	if err != nil {
		return nil, err
	}
	var ut []kommune
	for _, k := range aktive {
		ut = append(ut, kommune{k.Nummer, k.Navn, true})
	}
	for _, o := range orger {
		if o.Kommunenummer != "" && !slices.ContainsFunc(ut, func(k kommune) bool { return k.Nummer == o.Kommunenummer }) {
			ut = append(ut, kommune{o.Kommunenummer, o.Navn, false})
		}
	}
	slices.SortFunc(ut, func(x, y kommune) int { return cmp.Or(cmp.Compare(x.Navn, y.Navn), cmp.Compare(x.Nummer, y.Nummer)) })
	return ut, nil
}

// kommunen is the one that the address names; feil.IkkeFunnet.
func (b *Bekymring) kommunen(r *http.Request) (kommune, []bekymringsmelding.Bydel, error) {
	alle, err := b.kommuner(r.Context())
	if err != nil {
		return kommune{}, nil, err
	}
	i := slices.IndexFunc(alle, func(k kommune) bool { return k.Nummer == r.PathValue("kommune") })
	if i < 0 {
		return kommune{}, nil, feil.Ny(feil.IkkeFunnet, "Kommunen finnes ikke")
	}
	bydeler, err := b.Melding.Bydeler(r.Context(), alle[i].Nummer)
	return alle[i], bydeler, err
}

// annenKommune is the choice of those whose municipality is not there.
const annenKommune = "annen"

func (b *Bekymring) visKommuner(w http.ResponseWriter, r *http.Request, s skjemaet) error {
	return b.visKommunerMed(w, r, s, http.StatusOK, nil)
}

func (b *Bekymring) visKommunerMed(w http.ResponseWriter, r *http.Request, s skjemaet, status int, feilene []portal.Lenke) error {
	alle, err := b.kommuner(r.Context())
	if err != nil {
		return err
	}
	t := b.Tolk(r)
	return b.vis(w, r, status, "bekkommune", portal.Side{Tittel: t("bek.kommune.tittel"), Feil: feilene, Smuler: b.smuler(r)},
		map[string]any{"Kommuner": alle, "Annen": annenKommune, "Sti": "/" + s.sti})
}

func (b *Bekymring) velgKommune(w http.ResponseWriter, r *http.Request, s skjemaet) error {
	valgt := r.PostForm.Get("kommune")
	alle, err := b.kommuner(r.Context())
	if err != nil {
		return err
	}
	if valgt != annenKommune && !slices.ContainsFunc(alle, func(k kommune) bool { return k.Nummer == valgt }) {
		return b.visKommunerMed(w, r, s, http.StatusUnprocessableEntity, []portal.Lenke{{Tekst: b.Tolk(r)("bek.kommune.mangler"), URL: "#kommune"}})
	}
	return portal.Videre(w, r, "/"+s.sti+"/kommune/"+valgt)
}

// ikkeTilknyttet tells how to reach those who receive nothing here.
func (b *Bekymring) ikkeTilknyttet(w http.ResponseWriter, r *http.Request, s skjemaet, navn string) error {
	t := b.Tolk(r)
	return b.vis(w, r, http.StatusOK, "bekikketilknyttet", portal.Side{Tittel: t("bek.ikke.tittel"), Smuler: b.smuler(r)},
		map[string]any{"Kommune": navn, "Sti": "/" + s.sti})
}

func bydelFelt(t portal.Tolk, bydeler []bekymringsmelding.Bydel) []portal.Feltdef {
	var valg []portal.Valg
	for _, by := range bydeler {
		valg = append(valg, portal.Valg{Verdi: by.Bydelsnummer, Etikett: by.Navn})
	}
	valg = append(valg, portal.Valg{Verdi: vetIkke, Etikett: t("bek.bydel.vetikke"), Hjelp: t("bek.bydel.vetikke.hjelp")})
	return []portal.Feltdef{{Navn: "bydel", Etikett: "bek.bydel", Slag: "valg", Valg: valg, Mangler: "bek.bydel.mangler"}}
}

// visBydeler asks for the bydel, where there is more than one.
func (b *Bekymring) visBydeler(w http.ResponseWriter, r *http.Request, s skjemaet) error {
	if r.PathValue("kommune") == annenKommune {
		return b.ikkeTilknyttet(w, r, s, "")
	}
	k, bydeler, err := b.kommunen(r)
	if err != nil {
		return err
	}
	switch len(bydeler) {
	case 0:
		return b.ikkeTilknyttet(w, r, s, k.Navn)
	case 1:
		return portal.Videre(w, r, b.til(s, k.Nummer, bydeler[0].Bydelsnummer))
	}
	t := b.Tolk(r)
	return b.visBydelerMed(w, r, s, k, http.StatusOK, portal.LesSkjema(t, bydelFelt(t, bydeler), nil, false))
}

func (b *Bekymring) til(s skjemaet, kommunenummer, bydel string) string {
	return "/" + s.sti + "/til/" + kommunenummer + "/" + bydel
}

func (b *Bekymring) visBydelerMed(w http.ResponseWriter, r *http.Request, s skjemaet, k kommune, status int, sk portal.Skjema) error {
	return b.vis(w, r, status, "bekbydel", portal.Side{Tittel: b.Tolk(r)("bek.bydel.tittel"), Feil: sk.Feil, Smuler: b.smuler(r)},
		map[string]any{"Kommune": k.Navn, "Skjema": sk, "Sti": "/" + s.sti})
}

func (b *Bekymring) velgBydel(w http.ResponseWriter, r *http.Request, s skjemaet) error {
	k, bydeler, err := b.kommunen(r)
	if err != nil {
		return err
	}
	if len(bydeler) == 0 { // no longer: the page itself says so
		return portal.Videre(w, r, "/"+s.sti+"/kommune/"+k.Nummer)
	}
	t := b.Tolk(r)
	defs := bydelFelt(t, bydeler)
	sk := portal.LesSkjema(t, defs, portal.Rens(defs, r.PostForm), true)
	if len(sk.Feil) > 0 {
		return b.visBydelerMed(w, r, s, k, http.StatusUnprocessableEntity, sk)
	}
	return portal.Videre(w, r, b.til(s, k.Nummer, sk.Felt[0].Verdi))
}

// mottaker is who a report goes to.
type mottaker struct {
	bekymringsmelding.Bydel
	Kommune string // its name
	Flere   bool   // there are several bydeler, so that the name of this one says something
}

// mottakeren finds a receiver; feil.IkkeFunnet when it receives nothing, or no longer.
func (b *Bekymring) mottakeren(ctx context.Context, kommunenummer, bydel string) (m mottaker, err error) {
	alle, err := b.Melding.Bydeler(ctx, kommunenummer)
	if err != nil {
		return m, err
	}
	i := slices.IndexFunc(alle, func(by bekymringsmelding.Bydel) bool {
		return by.Bydelsnummer == bydel || bydel == vetIkke && by.StandardMottaker
	})
	if i < 0 {
		return m, feil.Ny(feil.IkkeFunnet, "Mottakeren finnes ikke")
	}
	org, err := b.Organisasjon.Organisasjon(ctx, alle[i].FiksOrgID)
	return mottaker{alle[i], org.Navn, len(alle) > 1}, err
}

// Navn is what the receiver is called on the pages.
func (m mottaker) navn(t portal.Tolk) string {
	if m.Flere {
		return t("bek.mottaker.bydel", "kommune", m.Kommune, "bydel", m.Navn)
	}
	return t("bek.mottaker", "kommune", m.Kommune)
}

// visStart is the first page after login: who receives, who answers for the data, and
// whose name stands in the report.
func (b *Bekymring) visStart(w http.ResponseWriter, r *http.Request, s skjemaet) error {
	m, err := b.mottakeren(r.Context(), r.PathValue("kommune"), r.PathValue("bydel"))
	if err != nil {
		return err
	}
	fnr := auth.From(r.Context()).Fnr
	u, har, err := b.Utkast(r.Context(), fnr, utkastMelding, s.sti)
	if err != nil {
		return err
	}
	t := b.Tolk(r)
	navn, kjent := b.Melding.Meldernavn(r.Context(), fnr)
	if !kjent {
		navn = ""
	}
	return b.vis(w, r, http.StatusOK, "bekstart", portal.Side{Tittel: t("bek.start.tittel"), Smuler: b.smuler(r)}, map[string]any{
		"Mottaker": m.navn(t), "Kommune": m.Kommune, "Telefon": m.Telefon, "Navn": navn, "Har": har, "Sti": "/" + s.sti,
		"Offentlig": s.sti == "offentlig", "Endret": u.Endret, "Slettes": u.Endret.Add(Levetid), "Ny": har && u.Felt.Get("kommune") != "" &&
			(u.Felt.Get("kommune") != m.Kommunenummer || u.Felt.Get("bydel") != m.Bydelsnummer)})
}

// start begins a report to a receiver, or gives one that is begun another receiver.
func (b *Bekymring) start(w http.ResponseWriter, r *http.Request, s skjemaet) error {
	m, err := b.mottakeren(r.Context(), r.PathValue("kommune"), r.PathValue("bydel"))
	if err != nil {
		return err
	}
	v, err := b.veiviser(r, s)
	if err != nil {
		return err
	}
	if r.PostForm.Get("handling") == "forfra" {
		if err := b.GlemSkjema(r, "/"+s.sti+"/"); err != nil {
			return err
		}
		v.utkast = portal.Utkast{Felt: url.Values{}}
	}
	v.utkast.Felt.Set("kommune", m.Kommunenummer)
	v.utkast.Felt.Set("bydel", m.Bydelsnummer)
	if err := v.lagre(r.Context()); err != nil {
		return err
	}
	if err := v.finnMottaker(r.Context()); err != nil {
		return err
	}
	return portal.Videre(w, r, v.base+v.neste())
}
