package mottak

import (
	"net/http"

	"knutepunkt/internal/auth"
	"knutepunkt/internal/bekymringsmelding"
	"knutepunkt/internal/portal"
)

// visBekreft asks whether the report is in the fagsystem.
func (m *Mottak) visBekreft(w http.ResponseWriter, r *http.Request) error {
	v, her, err := m.melding(r)
	if err != nil {
		return err
	}
	if v.Stand != bekymringsmelding.StandVenter {
		return m.visFerdig(w, r, v, her, http.StatusOK)
	}
	felt, err := m.Gjenopprettet(r)
	if err != nil {
		return err
	}
	return m.visBekreftMed(w, r, v, her, http.StatusOK, "", felt.Get("lagret") == "ja")
}

func (m *Mottak) visBekreftMed(w http.ResponseWriter, r *http.Request, v bekymringsmelding.Mottatt, her string, status int, feilen string, krysset bool) error {
	t := m.Tolk(r)
	var feilene []portal.Lenke
	if feilen != "" {
		feilene = []portal.Lenke{{Tekst: feilen, URL: "#lagret"}}
	}
	return m.Vis(w, r, status, "mottakbekreft", portal.Side{Tittel: t("mottak.bekreft"), Feil: feilene,
		Smuler: smuler(t, portal.Lenke{Tekst: t("mottak.melding"), URL: her}, portal.Lenke{Tekst: t("mottak.bekreft")}),
		Data:   map[string]any{"ID": v.ID, "Her": her, "Feilen": feilen, "Krysset": krysset, "LastetNed": !v.LastetNed.IsZero()}})
}

// bekreft takes the word of the person that the report is in the fagsystem. Twice is
// once; what has gone as a letter cannot be confirmed.
func (m *Mottak) bekreft(w http.ResponseWriter, r *http.Request) error {
	v, her, err := m.melding(r)
	if err != nil {
		return err
	}
	if err := m.GlemSkjema(r); err != nil {
		return err
	}
	if r.PostForm.Get("lagret") != "ja" {
		if v.Stand != bekymringsmelding.StandVenter {
			return m.visFerdig(w, r, v, her, http.StatusConflict)
		}
		return m.visBekreftMed(w, r, v, her, http.StatusUnprocessableEntity, m.Tolk(r)("mottak.bekreft.mangler"), false)
	}
	err = m.Melding.Bekreft(r.Context(), auth.From(r.Context()), v.ID)
	if konflikt(err) {
		return m.visOvertatt(w, r)
	} else if err != nil {
		return err
	}
	return portal.Videre(w, r, her+"/bekreftet")
}

// visBrev asks whether the report is to be sent as a letter.
func (m *Mottak) visBrev(w http.ResponseWriter, r *http.Request) error {
	v, her, err := m.melding(r)
	if err != nil {
		return err
	}
	if v.Stand != bekymringsmelding.StandVenter {
		return m.visFerdig(w, r, v, her, http.StatusOK)
	}
	t := m.Tolk(r)
	return m.Vis(w, r, http.StatusOK, "mottakbrev", portal.Side{Tittel: t("mottak.brev"),
		Smuler: smuler(t, portal.Lenke{Tekst: t("mottak.melding"), URL: her}, portal.Lenke{Tekst: t("mottak.brev")}),
		Data:   map[string]any{"ID": v.ID, "Her": her, "Frist": m.frist(r, v.Frist)}})
}

// sendBrev sends the report as a letter instead. Twice is once; what is confirmed is not
// sent.
func (m *Mottak) sendBrev(w http.ResponseWriter, r *http.Request) error {
	v, her, err := m.melding(r)
	if err != nil {
		return err
	}
	if err := m.GlemSkjema(r); err != nil {
		return err
	}
	err = m.Melding.SendTilPrint(r.Context(), auth.From(r.Context()), v.ID)
	if konflikt(err) {
		return m.visOvertatt(w, r)
	} else if err != nil {
		return err
	}
	return portal.Videre(w, r, her+"/brevet")
}

// visOvertatt tells that somebody else, or the deadline, came first.
func (m *Mottak) visOvertatt(w http.ResponseWriter, r *http.Request) error {
	v, her, err := m.melding(r)
	if err != nil {
		return err
	}
	return m.visFerdig(w, r, v, her, http.StatusConflict)
}

// visFerdig tells of a report that does not wait any more what happened to it.
func (m *Mottak) visFerdig(w http.ResponseWriter, r *http.Request, v bekymringsmelding.Mottatt, her string, status int) error {
	t := m.Tolk(r)
	s := standtekster[v.Stand]
	return m.Vis(w, r, status, "mottakferdig", portal.Side{Tittel: t("mottak.ferdig"), Smuler: smuler(t, portal.Lenke{Tekst: t("mottak.melding"), URL: her}, portal.Lenke{Tekst: t("mottak.ferdig")}),
		Data: map[string]any{"ID": v.ID, "Her": her, "Tekst": t(s.tekst), "Farge": s.farge, "Tid": v.Siden}})
}

// visBekreftet is the receipt of a confirmation, and visBrevet that of a letter. They
// say what is so now: to whoever comes by the address while it is not, the report.
func (m *Mottak) visBekreftet(w http.ResponseWriter, r *http.Request) error {
	return m.visKvittering(w, r, bekymringsmelding.StandBekreftet, "mottak.bekreftet", "mottak.bekreftet.om")
}

func (m *Mottak) visBrevet(w http.ResponseWriter, r *http.Request) error {
	return m.visKvittering(w, r, bekymringsmelding.StandBrev, "mottak.brevet", "mottak.brevet.om")
}

func (m *Mottak) visKvittering(w http.ResponseWriter, r *http.Request, stand bekymringsmelding.Stand, tittel, om string) error {
	v, her, err := m.melding(r)
	if err != nil {
		return err
	}
	if v.Stand != stand {
		return portal.Videre(w, r, her)
	}
	t := m.Tolk(r)
	return m.Vis(w, r, http.StatusOK, "mottakkvittering", portal.Side{Tittel: t(tittel), Smuler: smuler(t, portal.Lenke{Tekst: t("mottak.melding"), URL: her}, portal.Lenke{Tekst: t(tittel)}),
		Data: map[string]any{"ID": v.ID, "Kvittering": portal.Kvittering{Tittel: t(tittel), Tekst: t(om)}, "Tilbake": "/mottak", "TilbakeTekst": t("mottak.tilbake")}})
}
