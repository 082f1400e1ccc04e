package forvaltning

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"knutepunkt/internal/auth"
	"knutepunkt/internal/feil"
	"knutepunkt/internal/organisasjon"
	"knutepunkt/internal/portal"
	"knutepunkt/internal/store"
)

// overlapp are how long an old password may go on beside a new one.
var overlapp = map[string]time.Duration{"ingen": 0, "time": time.Hour, "dogn": 24 * time.Hour, "uke": 7 * 24 * time.Hour}

// kanGis are the privileges that an organisation's administrators give their
// integrasjoner, by the type of ressurs on which they are held.
// hjelp is the text that names the ressurs, where there may be several.
var kanGis = []struct{ ressurs, forelder, privilegium, tekst, hjelp string }{
	{organisasjon.TypeDigisos, "", auth.DigisosOppdater, "tilgang.digisos", ""},
	{organisasjon.TypeFiksIOKonto, organisasjon.TypeFiksIO, auth.FiksIOKonto, "tilgang.fiksio", "tilgang.konto"},
	{organisasjon.TypeSvarUtKonto, organisasjon.TypeSvarUt, auth.SvarUtKonto, "tilgang.svarut", "tilgang.konto"},
	{organisasjon.TypeBekymringsmelding, "", auth.BekymringSend, "bydel.kan.sende", ""},
	{organisasjon.TypeBydel, organisasjon.TypeBekymringsmelding, auth.BekymringMottak, "bydel.kan.hente", "bydel.kan.hvor"},
}

// mulig is one privilege on one ressurs of an organisation.
type mulig struct {
	ressurs, privilegium, tekst, hjelp string
}

func (m mulig) verdi() string { return m.privilegium + ":" + m.ressurs }

// muligeTilganger lists what can be given in an organisation.
func (p *Forvaltning) muligeTilganger(ctx context.Context, t portal.Tolk, orgID string) ([]mulig, error) {
	var ut []mulig
	for _, k := range kanGis {
		forelder := orgID
		if k.forelder != "" {
			var err error
			forelder, err = p.Organisasjon.TjenesteRessurs(ctx, orgID, k.forelder)
			if feil.Er(err, feil.IkkeFunnet) {
				continue
			} else if err != nil {
				return nil, err
			}
		}
		ressurser, err := p.Organisasjon.Barn(ctx, forelder, k.ressurs)
		if err != nil {
			return nil, err
		}
		for _, r := range ressurser {
			if k.ressurs == organisasjon.TypeFiksIOKonto {
				konto, err := p.FiksIO.Konto(ctx, r.ID)
				if feil.Er(err, feil.IkkeFunnet) {
					continue // deleted
				} else if err != nil {
					return nil, err
				}
				r.Navn = konto.Navn // it may have got another one
			}
			m := mulig{ressurs: r.ID, privilegium: k.privilegium, tekst: t(k.tekst)}
			if k.hjelp != "" {
				m.hjelp = t(k.hjelp, "konto", r.Navn)
			}
			ut = append(ut, m)
		}
	}
	return ut, nil
}

// gitte are the values of those that an integrasjon holds.
func (p *Forvaltning) gitte(ctx context.Context, q store.Queryer, id string, mulige []mulig) ([]string, error) {
	har, err := p.Organisasjon.TilgangerFor(ctx, q, id)
	if err != nil {
		return nil, err
	}
	var ut []string
	for _, m := range mulige {
		if slices.ContainsFunc(har, func(t organisasjon.Tilgang) bool { return t.Ressurs == m.ressurs && t.Privilegium == m.privilegium }) {
			ut = append(ut, m.verdi())
		}
	}
	return ut, nil
}

// integrasjon finds the one in the path: the organisation's own, or a global one.
func (p *Forvaltning) integrasjon(r *http.Request, bareEgne bool) (org organisasjon.Organisasjon, i organisasjon.Integrasjon, err error) {
	if org, err = p.org(r); err != nil {
		return org, i, err
	}
	i, err = p.Organisasjon.Integrasjon(r.Context(), r.PathValue("id"))
	if err == nil && i.FiksOrgID != org.ID && (bareEgne || !i.Global) {
		err = feil.Ny(feil.IkkeFunnet, "Siden finnes ikke")
	}
	return org, i, err
}

func integrasjonSmuler(t portal.Tolk, orgID string, videre ...portal.Lenke) []portal.Lenke {
	return append([]portal.Lenke{{Tekst: t("meny.integrasjoner"), URL: "/forvaltning/" + orgID + "/integrasjoner"}}, videre...)
}

// visIntegrasjoner lists them.
func (p *Forvaltning) visIntegrasjoner(w http.ResponseWriter, r *http.Request) error {
	org, err := p.org(r)
	if err != nil {
		return err
	}
	ctx, t := r.Context(), p.Tolk(r)
	alle, err := p.Organisasjon.Integrasjoner(ctx, org.ID)
	if err != nil {
		return err
	}
	mulige, err := p.muligeTilganger(ctx, t, org.ID)
	if err != nil {
		return err
	}
	tab := portal.Tabell{Merke: t("integrasjoner.tabell"), Kolonner: []string{t("integrasjon.navn"), t("integrasjon.orgnr"), t("integrasjon.tilganger"), t("integrasjon.opprettet")}}
	for _, i := range alle {
		gitte, err := p.gitte(ctx, p.DB.Read(), i.ID, mulige)
		if err != nil {
			return err
		}
		var navn []string
		for _, m := range mulige {
			if slices.Contains(gitte, m.verdi()) && !slices.Contains(navn, m.tekst) {
				navn = append(navn, m.tekst)
			}
		}
		tilganger := portal.Celle{Tekst: strings.Join(navn, ", ")}
		if len(navn) == 0 {
			tilganger = portal.Celle{Tekst: t("integrasjon.ingentilgang"), Farge: "warning"}
			if i.Global {
				tilganger.Farge = "neutral"
			}
		}
		navnet := portal.Celle{Tekst: i.Navn, URL: "/forvaltning/" + org.ID + "/integrasjoner/" + i.ID}
		if i.Global {
			navnet.Tekst += " (" + t("integrasjon.global") + ")"
		}
		tab.Rader = append(tab.Rader, []portal.Celle{navnet, {Tekst: i.AutorisertOrgnr}, tilganger, {Tekst: portal.Dato(p.Spraak(r), i.Opprettet)}})
	}
	return p.visOrg(w, r, http.StatusOK, "integrasjoner", orgside{Tittel: t("meny.integrasjoner"), Org: &org, Aktiv: "integrasjoner",
		Data: map[string]any{"OrgID": org.ID, "Tabell": tab, "Slettet": r.URL.Query().Get("slettet") != ""}})
}

func nyIntegrasjonFelt() []portal.Feltdef {
	return []portal.Feltdef{
		{Navn: "navn", Etikett: "integrasjon.navn", Hjelp: "integrasjon.navn.hjelp", Maks: 200, Bredde: "middels", Mangler: "integrasjon.navn.mangler", Sjekk: sjekkIntegrasjonsnavn},
		{Navn: "beskrivelse", Etikett: "integrasjon.beskrivelse", Hjelp: "integrasjon.beskrivelse.hjelp", Slag: "langtekst", Maks: 4000, Valgfri: true},
		{Navn: "orgnr", Etikett: "integrasjon.orgnr", Hjelp: "integrasjon.orgnr.hjelp", Inndata: "numeric", Bredde: "kort", Mangler: "skjema.orgnr.mangler", Sjekk: portal.SjekkOrgnr},
	}
}

func sjekkIntegrasjonsnavn(s string) (string, []any) {
	for _, c := range s {
		if !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzæøåABCDEFGHIJKLMNOPQRSTUVWXYZÆØÅ0123456789_.,/- ", c) {
			return "integrasjon.navn.tegn", []any{"tegn", string(c)}
		}
	}
	return "", nil
}

func (p *Forvaltning) visNyIntegrasjon(w http.ResponseWriter, r *http.Request) error {
	org, err := p.org(r)
	if err != nil {
		return err
	}
	felt, err := p.Gjenopprettet(r)
	if err != nil {
		return err
	}
	id, gjenopprettet := uuid.NewString(), felt != nil
	if gjenopprettet {
		id = felt.Get("id")
	}
	return p.visIntegrasjonsskjema(w, r, org, http.StatusOK, portal.LesSkjema(p.Tolk(r), nyIntegrasjonFelt(), felt, false), id, gjenopprettet)
}

func (p *Forvaltning) visIntegrasjonsskjema(w http.ResponseWriter, r *http.Request, org organisasjon.Organisasjon, status int, s portal.Skjema, id string, gjenopprettet bool) error {
	t := p.Tolk(r)
	return p.visOrg(w, r, status, "nyintegrasjon", orgside{Tittel: t("integrasjon.ny"), Org: &org, Aktiv: "integrasjoner", Feil: s.Feil,
		Smuler: integrasjonSmuler(t, org.ID, portal.Lenke{Tekst: t("integrasjon.ny")}),
		Data:   map[string]any{"Skjema": s, "ID": id, "Avbryt": "/forvaltning/" + org.ID + "/integrasjoner", "Gjenopprettet": gjenopprettet}})
}

// opprettIntegrasjon makes one and shows its password, which is nowhere but in
// this answer. The form brings the id: sent twice, it makes one.
func (p *Forvaltning) opprettIntegrasjon(w http.ResponseWriter, r *http.Request) error {
	org, err := p.org(r)
	if err != nil {
		return err
	}
	if err := p.GlemSkjema(r); err != nil {
		return err
	}
	defs := nyIntegrasjonFelt()
	felt := portal.Rens(defs, r.PostForm)
	id := r.PostForm.Get("id")
	if _, err := uuid.Parse(id); err != nil {
		return feil.Ny(feil.Ugyldig, "Skjemaet mangler en id").Med(err)
	}
	if s := portal.LesSkjema(p.Tolk(r), defs, felt, true); len(s.Feil) > 0 {
		return p.visIntegrasjonsskjema(w, r, org, http.StatusUnprocessableEntity, s, id, false)
	}
	var i organisasjon.Integrasjon
	var passord string
	err = p.DB.Write(r.Context(), func(tx *store.Tx) (err error) {
		i, err = p.Organisasjon.OpprettIntegrasjon(r.Context(), tx, organisasjon.Integrasjon{ID: id, FiksOrgID: org.ID,
			Navn: felt.Get("navn"), Beskrivelse: felt.Get("beskrivelse"), AutorisertOrgnr: felt.Get("orgnr")})
		if err != nil {
			return err
		}
		passord, err = p.Organisasjon.LagPassord(r.Context(), tx, i.ID, 0)
		return err
	})
	if feil.Er(err, feil.Konflikt) {
		return p.alleredeSendt(w, r, org, "integrasjon.finnes", id)
	} else if err != nil {
		return err
	}
	return p.visPassord(w, r, org, i, passord, "integrasjon.opprettet.tittel", time.Time{})
}

// alleredeSendt answers a form that comes a second time, whose password was
// shown the first time.
func (p *Forvaltning) alleredeSendt(w http.ResponseWriter, r *http.Request, org organisasjon.Organisasjon, tekst, id string) error {
	t, til := p.Tolk(r), "/forvaltning/"+org.ID+"/integrasjoner"
	if i, err := p.Organisasjon.Integrasjon(r.Context(), id); err == nil && i.FiksOrgID == org.ID {
		til += "/" + id
	}
	return p.visOrg(w, r, http.StatusConflict, "konflikt", orgside{Tittel: t("konflikt.tittel"), Org: &org, Aktiv: "integrasjoner",
		Smuler: integrasjonSmuler(t, org.ID), Data: map[string]any{"Tekst": t(tekst), "URL": til, "Lenke": t("integrasjon.til")}})
}

func (p *Forvaltning) visPassord(w http.ResponseWriter, r *http.Request, org organisasjon.Organisasjon, i organisasjon.Integrasjon, passord, tittel string, gammelt time.Time) error {
	t := p.Tolk(r)
	return p.visOrg(w, r, http.StatusOK, "passord", orgside{Tittel: t(tittel), Org: &org, Aktiv: "integrasjoner",
		Smuler: integrasjonSmuler(t, org.ID, portal.Lenke{Tekst: i.Navn, URL: "/forvaltning/" + org.ID + "/integrasjoner/" + i.ID}),
		Data:   map[string]any{"Kvittering": portal.Kvittering{Tittel: t(tittel), Tekst: t("passord.engang")}, "ID": i.ID, "Passord": passord, "Gammelt": gammelt, "Videre": "/forvaltning/" + org.ID + "/integrasjoner/" + i.ID}})
}

// visIntegrasjon is the page of one.
func (p *Forvaltning) visIntegrasjon(w http.ResponseWriter, r *http.Request) error {
	var m []portal.Melding
	if r.URL.Query().Get("lagret") != "" {
		m = append(m, portal.Melding{Farge: "success", Tekst: p.Tolk(r)("endring.lagret"), Status: true})
	}
	return p.visIntegrasjonMed(w, r, http.StatusOK, nil, m)
}

// visIntegrasjonMed shows it with what was ticked; nil: what is stored.
func (p *Forvaltning) visIntegrasjonMed(w http.ResponseWriter, r *http.Request, status int, krysset []string, m []portal.Melding) error {
	org, i, err := p.integrasjon(r, false)
	if err != nil {
		return err
	}
	ctx, t := r.Context(), p.Tolk(r)
	mulige, err := p.muligeTilganger(ctx, t, org.ID)
	if err != nil {
		return err
	}
	gitte, err := p.gitte(ctx, p.DB.Read(), i.ID, mulige)
	if err != nil {
		return err
	}
	if krysset == nil {
		krysset = gitte
	}
	felt := portal.Feltdef{Navn: "tilgang", Etikett: "integrasjon.tilganger", Hjelp: "tilgang.hjelp", Slag: "kryss"}
	for _, x := range mulige {
		felt.Valg = append(felt.Valg, portal.Valg{Verdi: x.verdi(), Etikett: x.tekst, Hjelp: x.hjelp})
	}
	s := portal.LesSkjema(t, []portal.Feltdef{felt}, url.Values{"tilgang": krysset}, false)
	s.Versjon = strings.Join(gitte, " ")
	passord, err := p.Organisasjon.Passord(ctx, p.DB.Read(), i.ID)
	if err != nil {
		return err
	}
	var linje []portal.Hendelse
	for _, x := range passord {
		if x.GyldigTil.IsZero() {
			linje = append(linje, portal.Hendelse{Tekst: t("passord.laget"), Tid: x.Opprettet, Naa: true})
		} else {
			linje = append(linje, portal.Hendelse{Tekst: t("passord.slutter"), Tid: x.GyldigTil, Naa: false})
		}
	}
	her := "/forvaltning/" + org.ID + "/integrasjoner/" + i.ID
	return p.visOrg(w, r, status, "integrasjon", orgside{Tittel: i.Navn, Org: &org, Aktiv: "integrasjoner",
		Smuler: integrasjonSmuler(t, org.ID, portal.Lenke{Tekst: i.Navn}), Data: map[string]any{
			"I": i, "Egen": i.FiksOrgID == org.ID, "Skjema": s, "Mulige": len(mulige), "Passord": linje, "Her": her, "Meldinger": m,
		}})
}

// endreTilganger gives and takes what was ticked and unticked, unless what is
// held has changed since the page was shown.
func (p *Forvaltning) endreTilganger(w http.ResponseWriter, r *http.Request) error {
	org, i, err := p.integrasjon(r, false)
	if err != nil {
		return err
	}
	ctx, t := r.Context(), p.Tolk(r)
	mulige, err := p.muligeTilganger(ctx, t, org.ID)
	if err != nil {
		return err
	}
	krysset := append([]string{}, r.PostForm["tilgang"]...)
	err = p.DB.Write(ctx, func(tx *store.Tx) error {
		gitte, err := p.gitte(ctx, tx, i.ID, mulige)
		if err != nil {
			return err
		}
		if strings.Join(gitte, " ") != r.PostForm.Get("versjon") {
			return feil.Ny(feil.Konflikt, "Tilgangene er endret av noen andre i mellomtiden")
		}
		for _, m := range mulige {
			har, skal := slices.Contains(gitte, m.verdi()), slices.Contains(krysset, m.verdi())
			switch {
			case skal && !har:
				err = p.Organisasjon.GiTilgang(ctx, tx, auth.From(ctx), i.ID, m.privilegium, m.ressurs)
			case har && !skal:
				err = p.Organisasjon.TrekkTilgang(ctx, tx, auth.From(ctx), i.ID, m.privilegium, m.ressurs)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	if feil.Er(err, feil.Konflikt) {
		return p.visIntegrasjonMed(w, r, http.StatusConflict, krysset,
			[]portal.Melding{{Farge: "warning", Tittel: t("konflikt.tittel"), Tekst: t("konflikt"), Status: true}})
	} else if err != nil {
		return err
	}
	return portal.Videre(w, r, r.URL.EscapedPath()+"?lagret=1")
}

func overlappFelt(t portal.Tolk) []portal.Feltdef {
	return []portal.Feltdef{{Navn: "overlapp", Etikett: "passord.overlapp", Hjelp: "passord.overlapp.hjelp", Slag: "valg", Mangler: "passord.overlapp.mangler", Valg: []portal.Valg{
		{Verdi: "dogn", Etikett: t("passord.overlapp.dogn")}, {Verdi: "uke", Etikett: t("passord.overlapp.uke")},
		{Verdi: "time", Etikett: t("passord.overlapp.time")}, {Verdi: "ingen", Etikett: t("passord.overlapp.ingen")}}}}
}

// passordVersjon is what the form of a new password was shown from.
func passordVersjon(ps []organisasjon.PassordTid) string {
	if len(ps) == 0 {
		return "ingen"
	}
	return ps[0].Opprettet.Format(time.RFC3339Nano)
}

func (p *Forvaltning) visNyttPassord(w http.ResponseWriter, r *http.Request) error {
	return p.visNyttPassordMed(w, r, http.StatusOK, url.Values{"overlapp": {"dogn"}}, false)
}

func (p *Forvaltning) visNyttPassordMed(w http.ResponseWriter, r *http.Request, status int, felt url.Values, sjekk bool) error {
	org, i, err := p.integrasjon(r, true)
	if err != nil {
		return err
	}
	t := p.Tolk(r)
	ps, err := p.Organisasjon.Passord(r.Context(), p.DB.Read(), i.ID)
	if err != nil {
		return err
	}
	s := portal.LesSkjema(t, overlappFelt(t), felt, sjekk)
	s.Versjon = passordVersjon(ps)
	her := "/forvaltning/" + org.ID + "/integrasjoner/" + i.ID
	return p.visOrg(w, r, status, "nyttpassord", orgside{Tittel: t("passord.nytt"), Org: &org, Aktiv: "integrasjoner", Feil: s.Feil,
		Smuler: integrasjonSmuler(t, org.ID, portal.Lenke{Tekst: i.Navn, URL: her}, portal.Lenke{Tekst: t("passord.nytt")}),
		Data:   map[string]any{"Skjema": s, "Avbryt": her, "To": len(ps) > 1}})
}

// lagPassord makes a new password and shows it once. Sent twice, the form
// changes it once: the password that was shown must be the one that holds.
func (p *Forvaltning) lagPassord(w http.ResponseWriter, r *http.Request) error {
	org, i, err := p.integrasjon(r, true)
	if err != nil {
		return err
	}
	ctx := r.Context()
	valgt := r.PostForm.Get("overlapp")
	lenge, ok := overlapp[valgt]
	if !ok {
		return p.visNyttPassordMed(w, r, http.StatusUnprocessableEntity, url.Values{}, true)
	}
	var passord string
	var gammelt time.Time
	err = p.DB.Write(ctx, func(tx *store.Tx) error {
		ps, err := p.Organisasjon.Passord(ctx, tx, i.ID)
		if err != nil {
			return err
		}
		if passordVersjon(ps) != r.PostForm.Get("versjon") {
			return feil.Ny(feil.Konflikt, "Passordet er nettopp byttet")
		}
		if len(ps) > 0 {
			gammelt = p.Klokke.Now().Add(lenge)
		}
		passord, err = p.Organisasjon.LagPassord(ctx, tx, i.ID, lenge)
		return err
	})
	if feil.Er(err, feil.Konflikt) {
		return p.alleredeSendt(w, r, org, "passord.byttet", i.ID)
	} else if err != nil {
		return err
	}
	return p.visPassord(w, r, org, i, passord, "passord.nytt.tittel", gammelt)
}

func (p *Forvaltning) visSlett(w http.ResponseWriter, r *http.Request) error {
	org, i, err := p.integrasjon(r, true)
	if err != nil {
		return err
	}
	t := p.Tolk(r)
	her := "/forvaltning/" + org.ID + "/integrasjoner/" + i.ID
	return p.visOrg(w, r, http.StatusOK, "slett", orgside{Tittel: t("slett.tittel", "navn", i.Navn), Org: &org, Aktiv: "integrasjoner",
		Smuler: integrasjonSmuler(t, org.ID, portal.Lenke{Tekst: i.Navn, URL: her}, portal.Lenke{Tekst: t("slett.smule")}),
		Data:   map[string]any{"Navn": i.Navn, "Avbryt": her}})
}

// slettIntegrasjon deletes one for good. That it is gone already is no error.
func (p *Forvaltning) slettIntegrasjon(w http.ResponseWriter, r *http.Request) error {
	org, i, err := p.integrasjon(r, true)
	if err != nil {
		return err
	}
	err = p.DB.Write(r.Context(), func(tx *store.Tx) error {
		return p.Organisasjon.SlettIntegrasjon(r.Context(), tx, auth.From(r.Context()), i.ID)
	})
	if err != nil && !feil.Er(err, feil.IkkeFunnet) {
		return err
	}
	return portal.Videre(w, r, "/forvaltning/"+org.ID+"/integrasjoner?slettet=1")
}
