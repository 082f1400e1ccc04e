package mottak

import (
	"net/http"
	"slices"
	"strconv"
	"time"

	"knutepunkt/internal/auth"
	"knutepunkt/internal/bekymringsmelding"
	"knutepunkt/internal/feil"
	"knutepunkt/internal/portal"
)

// merke is a word in a colour.
type merke struct{ Tekst, Farge string }

// ventende is a report in the inbox, as it is shown.
type ventende struct {
	ID, Kontor, Type string
	Innsendt         time.Time
	Frist            string
	Merker           []merke
}

// innboks lists what waits for the person, the oldest first.
func (m *Mottak) innboks(w http.ResponseWriter, r *http.Request) error {
	ctx, t := r.Context(), m.Tolk(r)
	av := auth.From(ctx)
	kontorer, err := m.Melding.MineBydeler(ctx, av)
	if err != nil {
		return err
	}
	alle, err := m.Melding.Venter(ctx, av, "")
	if err != nil {
		return err
	}
	var ut []ventende
	advarsel := false
	for _, v := range alle {
		advarsel = advarsel || m.venterLenge(v.Siden)
		ut = append(ut, ventende{ID: v.ID, Kontor: kontor(v.Kommunenummer, v.Bydelsnummer, v.Bydelsnavn), Type: typetekst(t, v.Type),
			Innsendt: v.Innsendt, Frist: m.frist(r, v.Frist), Merker: m.merker(t, v.LastetNed, v.Siden, v.PaaNytt)})
	}
	return m.visFane(w, r, "mottakinnboks", "mottak.venter", "/mottak", map[string]any{"Alle": ut, "Advarsel": advarsel, "Kontorer": len(kontorer)})
}

// merker say whether a report has been downloaded, whether it was here before, and
// whether it has waited too long.
func (m *Mottak) merker(t portal.Tolk, lastetNed, siden time.Time, paaNytt bool) []merke {
	ut := []merke{{t("mottak.merke.ny"), "info"}}
	if !lastetNed.IsZero() {
		ut[0] = merke{t("mottak.merke.lastetned"), "neutral"}
	}
	if paaNytt {
		ut = append(ut, merke{t("mottak.merke.paanytt"), "info"})
	}
	if m.venterLenge(siden) {
		ut = append(ut, merke{t("mottak.merke.advarsel"), "warning"})
	}
	return ut
}

// venterLenge tells whether the page warns of what has waited since then.
func (m *Mottak) venterLenge(siden time.Time) bool { return m.Klokke.Now().Sub(siden) >= advarselEtter }

// melding finds a report of the person's, with the address of its page.
func (m *Mottak) melding(r *http.Request) (bekymringsmelding.Mottatt, string, error) {
	v, err := m.Melding.Mottatt(r.Context(), auth.From(r.Context()), r.PathValue("id"))
	return v, "/mottak/meldinger/" + v.ID, err
}

// tilstander are what an office is told of the states that a report comes to.
var tilstander = map[bekymringsmelding.Tilstand]string{
	bekymringsmelding.Akseptert:       "mottak.hendelse.mottatt",
	bekymringsmelding.SendtFagsystem:  "mottak.hendelse.innboks",
	bekymringsmelding.AvvistFagsystem: "mottak.hendelse.avvist",
	bekymringsmelding.SendtPrint:      "mottak.hendelse.brev",
	bekymringsmelding.AvvistPrint:     "mottak.hendelse.brevavvist",
	bekymringsmelding.Levert:          "mottak.hendelse.levert",
}

func hendelser(t portal.Tolk, v bekymringsmelding.Mottatt) (ut []portal.Hendelse) {
	for _, h := range v.Hendelser {
		if tekst, kjent := tilstander[h.Tilstand]; kjent {
			ut = append(ut, portal.Hendelse{Tekst: t(tekst), Tid: h.Tidspunkt})
		}
	}
	if v.PaaNytt && v.Stand == bekymringsmelding.StandVenter {
		ut = append(ut, portal.Hendelse{Tekst: t("mottak.hendelse.paanytt"), Tid: v.Siden})
	}
	if !v.LastetNed.IsZero() {
		ut = append(ut, portal.Hendelse{Tekst: t("mottak.hendelse.lastetned"), Tid: v.LastetNed})
	}
	slices.SortStableFunc(ut, func(a, b portal.Hendelse) int { return a.Tid.Compare(b.Tid) })
	if len(ut) > 0 {
		ut[len(ut)-1].Naa = true
	}
	return ut
}

// visMelding shows where a report is, and while it waits what to do with it.
func (m *Mottak) visMelding(w http.ResponseWriter, r *http.Request) error {
	v, her, err := m.melding(r)
	if err != nil {
		return err
	}
	t := m.Tolk(r)
	d := map[string]any{"V": v, "Her": her, "Venter": v.Stand == bekymringsmelding.StandVenter, "Kontor": kontor(v.Kommunenummer, v.Bydelsnummer, v.Bydelsnavn),
		"Type": typetekst(t, v.Type), "Hendelser": hendelser(t, v)}
	if v.Stand == bekymringsmelding.StandVenter {
		d["Frist"], d["Merker"], d["Advarsel"] = m.frist(r, v.Frist), m.merker(t, v.LastetNed, v.Siden, v.PaaNytt), m.venterLenge(v.Siden)
	} else {
		d["Status"] = t(standtekster[v.Stand].tekst)
	}
	return m.Vis(w, r, http.StatusOK, "mottakmelding", portal.Side{Tittel: t("mottak.melding"), Smuler: smuler(t, portal.Lenke{Tekst: t("mottak.melding")}), Data: d})
}

// standtekster are what is said of a report that does not wait, and the word for it.
var standtekster = map[bekymringsmelding.Stand]struct{ tekst, ord, farge string }{
	bekymringsmelding.StandBekreftet:  {"mottak.stand.bekreftet", "mottak.ord.bekreftet", "success"},
	bekymringsmelding.StandRegistrert: {"mottak.stand.registrert", "mottak.ord.registrert", "success"},
	bekymringsmelding.StandBrev:       {"mottak.stand.brev", "mottak.ord.brev", "info"},
	bekymringsmelding.StandAnnen:      {"mottak.stand.annen", "mottak.ord.annen", "neutral"},
}

// pdf gives the report. It confirms nothing; the service notes who it was given to.
func (m *Mottak) pdf(w http.ResponseWriter, r *http.Request) error {
	n, err := m.Melding.LastNed(r.Context(), auth.From(r.Context()), r.PathValue("id"))
	if feil.Er(err, feil.Slettet) { // it is said on its page where it is now
		return portal.Videre(w, r, "/mottak/meldinger/"+r.PathValue("id"))
	} else if err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", "application/pdf")
	h.Set("Content-Disposition", `attachment; filename="`+n.Filnavn+`"`)
	h.Set("Content-Length", strconv.FormatInt(n.Storrelse, 10))
	if r.Method == http.MethodHead {
		return nil
	}
	return n.Skriv(r.Context(), w)
}

// hentet lists what does not wait any more. What was sent by another channel cannot be
// fetched here: it is there without a link, with the reason.
func (m *Mottak) hentet(w http.ResponseWriter, r *http.Request) error {
	t := m.Tolk(r)
	alle, err := m.Melding.Hentede(r.Context(), auth.From(r.Context()))
	if err != nil {
		return err
	}
	tab := portal.Tabell{Merke: t("mottak.hentet.tabell"), Kolonner: []string{t("mottak.referanse"), t("mottak.hvordan"), t("mottak.tid"), t("mottak.kontor"), t("mottak.type"), t("mottak.innsendt")}}
	for _, v := range alle {
		s := standtekster[v.Stand]
		ref := portal.Celle{Tekst: v.ID, URL: "/mottak/meldinger/" + v.ID}
		if v.Stand == bekymringsmelding.StandAnnen {
			ref = portal.Celle{Tekst: v.ID}
		}
		tab.Rader = append(tab.Rader, []portal.Celle{ref, {Tekst: t(s.ord), Farge: s.farge}, {Tekst: portal.Tidspunkt(m.Spraak(r), v.Siden)},
			{Tekst: kontor(v.Kommunenummer, v.Bydelsnummer, v.Bydelsnavn)}, {Tekst: typetekst(t, v.Type)}, {Tekst: portal.Tidspunkt(m.Spraak(r), v.Innsendt)}})
	}
	annen := slices.ContainsFunc(alle, func(v bekymringsmelding.Mottatt) bool { return v.Stand == bekymringsmelding.StandAnnen })
	return m.visFane(w, r, "mottakhentet", "mottak.hentet", "/mottak/hentet", map[string]any{"Tabell": tab, "Antall": len(alle), "Annen": annen})
}
