package forvaltning

import (
	"context"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"knutepunkt/internal/auth"
	"knutepunkt/internal/feil"
	"knutepunkt/internal/organisasjon"
	"knutepunkt/internal/portal"
	"knutepunkt/internal/store"
)

// brukerRuter are the pages of those who administer the organisation.
func (p *Forvaltning) brukerRuter(org string, endre auth.Tilgang) []auth.Route {
	return []auth.Route{
		p.Rute("GET "+org+"/brukere", endre, p.visBrukere),
		p.Rute("GET "+org+"/brukere/ny", endre, p.visNyBruker),
		p.Rute("POST "+org+"/brukere/ny", endre, p.opprettBruker),
		p.Rute("GET "+org+"/brukere/{bruker}", endre, p.visBruker),
		p.Rute("POST "+org+"/brukere/{bruker}", endre, p.endreBruker),
	}
}

// bruker is a person with privileges in an organisation, or who is to get some.
type bruker struct {
	organisasjon.Person
	nokkel string   // names the person in an address
	gitte  []string // of rollene, in their order
}

// versjon is what a form was shown from.
func (b bruker) versjon() string {
	return strings.Join(append([]string{b.Navn, b.Tittel, b.Telefon, b.Epost}, b.gitte...), "\n")
}

func (b bruker) maskert() string { return maskert(b.Fnr) }

// maskert is a fødselsnummer that one recognises and cannot use.
func maskert(fnr string) string { return fnr[:6] + " •••••" }

// roller are what can be given a person in an organisation: to administer all of
// it, or one of its services.
func (p *Forvaltning) roller(ctx context.Context, t portal.Tolk, orgID string) ([]mulig, error) {
	ut := []mulig{{ressurs: orgID, privilegium: auth.Admin, tekst: t("bruker.rolle.alt"), hjelp: t("bruker.rolle.alt.hjelp")}}
	tjenester, err := p.Organisasjon.Barn(ctx, orgID, "")
	if err != nil {
		return nil, err
	}
	for _, r := range tjenester {
		if strings.HasPrefix(r.Type, "TJENESTE_") {
			ut = append(ut, mulig{ressurs: r.ID, privilegium: auth.Admin, tekst: t("bruker.rolle.tjeneste", "tjeneste", r.Navn), hjelp: t("bruker.rolle.tjeneste.hjelp")})
		}
	}
	return ut, nil
}

var fnrForm = regexp.MustCompile(`^[0-9]{11}$`)

// brukere are all persons who hold one of the roles.
func (p *Forvaltning) brukere(ctx context.Context, orgID string, roller []mulig) ([]bruker, error) {
	har := map[string][]string{}
	for _, rolle := range roller {
		tilganger, err := p.Organisasjon.Tilganger(ctx, rolle.ressurs)
		if err != nil {
			return nil, err
		}
		for _, x := range tilganger {
			if x.Privilegium == rolle.privilegium && fnrForm.MatchString(x.Aktor) {
				har[x.Aktor] = append(har[x.Aktor], rolle.verdi())
			}
		}
	}
	var fnr []string
	for f := range har {
		fnr = append(fnr, f)
	}
	slices.Sort(fnr)
	registrert, err := p.Organisasjon.Personer(ctx, []string{orgID}, fnr)
	if err != nil {
		return nil, err
	}
	var ut []bruker
	for _, f := range fnr {
		b := bruker{Person: organisasjon.Person{Fnr: f}, nokkel: p.Ring.Lookup("forvaltning.bruker:"+orgID, f), gitte: har[f]}
		if i := slices.IndexFunc(registrert, func(x organisasjon.Person) bool { return x.Fnr == f }); i >= 0 {
			b.Person = registrert[i]
		}
		ut = append(ut, b)
	}
	slices.SortFunc(ut, func(a, b bruker) int { return strings.Compare(a.Navn, b.Navn) })
	return ut, nil
}

// brukerside is what the pages of a person have in common.
type brukerside struct {
	org    organisasjon.Organisasjon
	t      portal.Tolk
	roller []mulig
	alle   []bruker
	b      bruker // the one in the path
}

// lesBruker reads it; feil.IkkeFunnet when the path names nobody.
func (p *Forvaltning) lesBruker(r *http.Request) (s brukerside, err error) {
	if s, err = p.lesBrukere(r); err != nil {
		return s, err
	}
	i := slices.IndexFunc(s.alle, func(b bruker) bool { return b.nokkel == r.PathValue("bruker") })
	if i < 0 {
		return s, feil.Ny(feil.IkkeFunnet, "Siden finnes ikke")
	}
	s.b = s.alle[i]
	return s, nil
}

func (p *Forvaltning) lesBrukere(r *http.Request) (s brukerside, err error) {
	if s.org, err = p.org(r); err != nil {
		return s, err
	}
	s.t = p.Tolk(r)
	if s.roller, err = p.roller(r.Context(), s.t, s.org.ID); err != nil {
		return s, err
	}
	s.alle, err = p.brukere(r.Context(), s.org.ID, s.roller)
	return s, err
}

func (s brukerside) rollenavn(b bruker) string {
	var navn []string
	for _, r := range s.roller {
		if slices.Contains(b.gitte, r.verdi()) {
			navn = append(navn, r.tekst)
		}
	}
	return strings.Join(navn, ", ")
}

func (s brukerside) smuler(her string) []portal.Lenke {
	return []portal.Lenke{{Tekst: s.t("meny.brukere"), URL: "/forvaltning/" + s.org.ID + "/brukere"}, {Tekst: her}}
}

// visBrukere lists them.
func (p *Forvaltning) visBrukere(w http.ResponseWriter, r *http.Request) error {
	s, err := p.lesBrukere(r)
	if err != nil {
		return err
	}
	t := s.t
	tab := portal.Tabell{Merke: t("brukere.tabell"), Kolonner: []string{t("bruker.navn"), t("bruker.fnr"), t("bruker.roller")}}
	administratorer := 0
	for _, b := range s.alle {
		navn := b.Navn
		if navn == "" {
			navn = t("bruker.utennavn")
		}
		if slices.Contains(b.gitte, s.roller[0].verdi()) {
			administratorer++
		}
		tab.Rader = append(tab.Rader, []portal.Celle{{Tekst: navn, URL: "/forvaltning/" + s.org.ID + "/brukere/" + b.nokkel}, {Tekst: b.maskert()}, {Tekst: s.rollenavn(b)}})
	}
	var m []portal.Melding
	if r.URL.Query().Get("lagret") != "" {
		m = append(m, portal.Melding{Farge: "success", Tekst: t("endring.lagret"), Status: true})
	}
	if administratorer == 1 {
		m = append(m, portal.Melding{Farge: "warning", Tekst: t("brukere.en")})
	}
	return p.visOrg(w, r, http.StatusOK, "brukere", orgside{Tittel: t("meny.brukere"), Org: &s.org, Aktiv: "brukere",
		Data: map[string]any{"OrgID": s.org.ID, "Tabell": tab, "Meldinger": m}})
}

func (s brukerside) felt(ny bool) []portal.Feltdef {
	fnr := portal.Feltdef{Navn: "fnr", Etikett: "bruker.fnr", Hjelp: "bruker.fnr.hjelp", Inndata: "numeric", Bredde: "kort", Mangler: "bruker.fnr.mangler", Sjekk: portal.SjekkFnr}
	roller := portal.Feltdef{Navn: "rolle", Etikett: "bruker.roller", Slag: "kryss"}
	for _, x := range s.roller {
		roller.Valg = append(roller.Valg, portal.Valg{Verdi: x.verdi(), Etikett: x.tekst, Hjelp: x.hjelp})
	}
	ut := []portal.Feltdef{
		{Navn: "navn", Etikett: "bruker.navn", Maks: 450, Bredde: "middels", Mangler: "bruker.navn.mangler", Sjekk: sjekkNavn},
		{Navn: "tittel", Etikett: "bruker.tittel", Maks: 200, Bredde: "middels", Valgfri: true},
		{Navn: "epost", Etikett: "bruker.epost", Inndata: "email", Bredde: "middels", Valgfri: true, Sjekk: sjekkEnEpost},
		{Navn: "telefon", Etikett: "bruker.telefon", Inndata: "tel", Bredde: "kort", Valgfri: true, Sjekk: sjekkTelefon},
		roller}
	if ny {
		ut = append([]portal.Feltdef{fnr}, ut...)
	}
	return ut
}

func sjekkNavn(s string) (string, []any) {
	if len([]rune(s)) < 2 {
		return "bruker.navn.kort", nil
	}
	return "", nil
}

func sjekkEnEpost(s string) (string, []any) {
	if len(portal.Adresser(s)) > 1 {
		return "bruker.epost.en", nil
	}
	return portal.SjekkEpost(s)
}

var telefonForm = regexp.MustCompile(`^[+]?[0-9]+([- ][0-9]+)*$`)

func sjekkTelefon(s string) (string, []any) {
	if len(s) > 30 || !telefonForm.MatchString(s) {
		return "bruker.telefon.ugyldig", nil
	}
	return "", nil
}

// somFelt are the person's answers to the fields.
func (b bruker) somFelt() url.Values {
	return url.Values{"navn": {b.Navn}, "tittel": {b.Tittel}, "epost": {b.Epost}, "telefon": {b.Telefon}, "rolle": b.gitte}
}

func (p *Forvaltning) visNyBruker(w http.ResponseWriter, r *http.Request) error {
	s, err := p.lesBrukere(r)
	if err != nil {
		return err
	}
	felt, err := p.Gjenopprettet(r)
	if err != nil {
		return err
	}
	var m []portal.Melding
	if felt != nil {
		m = append(m, portal.Melding{Farge: "info", Tekst: s.t("skjema.gjenopprettet"), Status: true})
	}
	return p.visBrukerskjema(w, r, s, http.StatusOK, portal.LesSkjema(s.t, s.felt(true), felt, false), m)
}

// visBrukerskjema shows the form of a new person, or of the one in s.
func (p *Forvaltning) visBrukerskjema(w http.ResponseWriter, r *http.Request, s brukerside, status int, sk portal.Skjema, m []portal.Melding) error {
	tittel, om := s.t("bruker.ny"), s.t("bruker.ny.om")
	if s.b.nokkel != "" {
		if tittel, om = s.b.Navn, s.t("bruker.om", "fnr", s.b.maskert()); tittel == "" {
			tittel = s.t("bruker.utennavn")
		}
		if s.b.Fnr == auth.From(r.Context()).Fnr {
			m = append(m, portal.Melding{Farge: "info", Tekst: s.t("bruker.degselv")})
		}
	}
	d := map[string]any{"Tittel": tittel, "Om": om, "Skjema": sk, "Meldinger": m, "Avbryt": "/forvaltning/" + s.org.ID + "/brukere"}
	if status == http.StatusConflict {
		g := portal.Gruppe{Svar: []portal.Svar{{Navn: s.t("bruker.navn"), Verdi: s.b.Navn}, {Navn: s.t("bruker.tittel"), Verdi: s.b.Tittel},
			{Navn: s.t("bruker.epost"), Verdi: s.b.Epost}, {Navn: s.t("bruker.telefon"), Verdi: s.b.Telefon}, {Navn: s.t("bruker.roller"), Verdi: s.rollenavn(s.b)}}}
		d["Lagret"] = g
	}
	return p.visOrg(w, r, status, "bruker", orgside{Tittel: tittel, Org: &s.org, Aktiv: "brukere", Feil: sk.Feil, Smuler: s.smuler(tittel), Data: d})
}

// opprettBruker gives a person roles. Sent twice, the second time gives what is
// given already.
func (p *Forvaltning) opprettBruker(w http.ResponseWriter, r *http.Request) error {
	s, err := p.lesBrukere(r)
	if err != nil {
		return err
	}
	if err := p.GlemSkjema(r); err != nil {
		return err
	}
	felt := portal.Rens(s.felt(true), r.PostForm)
	sk := s.sjekk(felt, true)
	if len(sk.Feil) > 0 {
		return p.visBrukerskjema(w, r, s, http.StatusUnprocessableEntity, sk, nil)
	}
	ctx := r.Context()
	err = p.DB.Write(ctx, func(tx *store.Tx) error {
		person := somPerson(organisasjon.Person{Fnr: felt.Get("fnr")}, felt)
		if _, err := p.Organisasjon.RegistrerPerson(ctx, tx, []string{s.org.ID}, person); err != nil {
			return err
		}
		return p.settRoller(ctx, tx, s, felt.Get("fnr"), nil, felt["rolle"])
	})
	if err != nil {
		return err
	}
	return portal.Videre(w, r, "/forvaltning/"+s.org.ID+"/brukere?lagret=1")
}

// sjekk tells what is wrong with the form. Whoever is new must get a role.
func (s brukerside) sjekk(felt url.Values, ny bool) portal.Skjema {
	sk := portal.LesSkjema(s.t, s.felt(ny), felt, true)
	if ny && len(felt["rolle"]) == 0 {
		i := len(sk.Felt) - 1
		sk.Felt[i].Feil = s.t("bruker.roller.mangler")
		sk.Felt[i].Beskrevet = "rolle-feil"
		sk.Feil = append(sk.Feil, portal.Lenke{Tekst: sk.Felt[i].Feil, URL: "#rolle"})
	}
	return sk
}

func somPerson(fra organisasjon.Person, felt url.Values) organisasjon.Person {
	fra.Navn, fra.Tittel, fra.Epost, fra.Telefon = felt.Get("navn"), felt.Get("tittel"), felt.Get("epost"), felt.Get("telefon")
	return fra
}

// settRoller gives and takes what was ticked and unticked. Of what can be taken,
// only what is offered here is.
func (p *Forvaltning) settRoller(ctx context.Context, tx *store.Tx, s brukerside, fnr string, gitte, krysset []string) error {
	a := organisasjon.Administrator{Caller: auth.From(ctx)}
	for _, rolle := range s.roller {
		har, skal := slices.Contains(gitte, rolle.verdi()), slices.Contains(krysset, rolle.verdi())
		var err error
		switch {
		case skal && !har:
			err = p.Organisasjon.Gi(ctx, tx, a, fnr, rolle.privilegium, rolle.ressurs)
		case har && !skal:
			err = p.Organisasjon.Trekk(ctx, tx, a, fnr, rolle.privilegium, rolle.ressurs)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (p *Forvaltning) visBruker(w http.ResponseWriter, r *http.Request) error {
	s, err := p.lesBruker(r)
	if err != nil {
		return err
	}
	felt, err := p.Gjenopprettet(r)
	if err != nil {
		return err
	}
	var m []portal.Melding
	versjon := p.brukerversjon(s.b)
	if felt != nil {
		m = append(m, portal.Melding{Farge: "info", Tekst: s.t("skjema.gjenopprettet"), Status: true})
		versjon = felt.Get("versjon")
	} else {
		felt = s.b.somFelt()
	}
	sk := portal.LesSkjema(s.t, s.felt(false), felt, false)
	sk.Versjon = versjon
	return p.visBrukerskjema(w, r, s, http.StatusOK, sk, m)
}

// brukerversjon is what a form was shown from, as it carries it: nothing can be
// read from it.
func (p *Forvaltning) brukerversjon(b bruker) string {
	return p.Ring.Lookup("forvaltning.brukerversjon", b.versjon())
}

// endreBruker stores who the person is and what may be done, unless either has
// changed since the page was shown. Whoever has no role left is gone from the list.
func (p *Forvaltning) endreBruker(w http.ResponseWriter, r *http.Request) error {
	s, err := p.lesBruker(r)
	if err != nil {
		return err
	}
	if err := p.GlemSkjema(r); err != nil {
		return err
	}
	ctx := r.Context()
	felt := portal.Rens(s.felt(false), r.PostForm)
	sk := s.sjekk(felt, false)
	if len(sk.Feil) > 0 {
		sk.Versjon = r.PostForm.Get("versjon")
		return p.visBrukerskjema(w, r, s, http.StatusUnprocessableEntity, sk, nil)
	}
	sk.Versjon = p.brukerversjon(s.b)
	if r.PostForm.Get("versjon") != sk.Versjon {
		return p.brukerkonflikt(w, r, s, sk)
	}
	err = p.DB.Write(ctx, func(tx *store.Tx) error {
		var err error
		if s.b.Versjon == 0 {
			_, err = p.Organisasjon.RegistrerPerson(ctx, tx, []string{s.org.ID}, somPerson(s.b.Person, felt))
		} else {
			_, err = p.Organisasjon.EndrePerson(ctx, tx, []string{s.org.ID}, s.b.Fnr, s.b.Versjon, func(x *organisasjon.Person) { *x = somPerson(*x, felt) })
		}
		if err != nil {
			return err
		}
		return p.settRoller(ctx, tx, s, s.b.Fnr, s.b.gitte, felt["rolle"])
	})
	if feil.Er(err, feil.Konflikt) {
		naa, errLes := p.lesBruker(r)
		if errLes != nil {
			return errLes
		}
		if naa.b.versjon() != s.b.versjon() {
			return p.brukerkonflikt(w, r, naa, sk)
		}
		// Nobody has changed anything: it is the last administrator.
		i := len(sk.Felt) - 1
		sk.Felt[i].Feil, sk.Felt[i].Beskrevet = s.t("bruker.siste"), "rolle-feil"
		sk.Feil = append(sk.Feil, portal.Lenke{Tekst: s.t("bruker.siste"), URL: "#rolle"})
		return p.visBrukerskjema(w, r, s, http.StatusUnprocessableEntity, sk, nil)
	} else if err != nil {
		return err
	}
	if s.b.Fnr == auth.From(ctx).Fnr && !slices.Contains(felt["rolle"], s.roller[0].verdi()) {
		return portal.Videre(w, r, "/forvaltning")
	}
	return portal.Videre(w, r, "/forvaltning/"+s.org.ID+"/brukere?lagret=1")
}

func (p *Forvaltning) brukerkonflikt(w http.ResponseWriter, r *http.Request, s brukerside, sk portal.Skjema) error {
	sk.Versjon = p.brukerversjon(s.b)
	return p.visBrukerskjema(w, r, s, http.StatusConflict, sk,
		[]portal.Melding{{Farge: "warning", Tittel: s.t("konflikt.tittel"), Tekst: s.t("konflikt"), Status: true}})
}
