package forvaltning

import (
	"context"
	"errors"
	"net/http"
	"net/url"

	"knutepunkt/internal/bekymringsmelding"
	"knutepunkt/internal/feil"
	"knutepunkt/internal/fiksio"
	"knutepunkt/internal/portal"
	"knutepunkt/internal/store"
)

// Why a konto is not changed as the form wants.
var (
	errKontonavnOpptatt = errors.New("another konto has the name")
	errKontoEndret      = errors.New("the konto has been changed meanwhile")
)

// visKonto is the overview of one: how it is doing, and what to do when it is not
// doing well.
func (p *Forvaltning) visKonto(w http.ResponseWriter, r *http.Request, s kontoside) error {
	m := kontokvittering(r, s.t)
	varsle := func(naar bool, farge, tittel, tekst string) {
		if naar {
			m = append(m, portal.Melding{Farge: farge, Tittel: s.t(tittel), Tekst: s.t(tekst)})
		}
	}
	c, naa := s.stand.Sertifikat, p.Klokke.Now()
	varsle(!s.k.Aktiv, "warning", "kontoer.inaktiv", "kontoer.inaktiv.om")
	varsle(c == nil, "danger", "kontoer.utennokkel", "kontoer.utennokkel.om")
	varsle(c != nil && !naa.Before(c.NotAfter), "danger", "kontoer.utlopt", "kontoer.utlopt.om")
	varsle(c != nil && naa.Before(c.NotBefore), "danger", "kontoer.forsnar", "kontoer.forsnar.om")
	varsle(s.stand.Nokkel.Farge == "warning", "warning", "kontoer.utloper", "kontoer.utloper.om")
	avsendere, _, err := p.FiksIO.AksepterteAvsendere(r.Context(), s.k.ID)
	if err != nil {
		return err
	}
	varsle(s.k.KunAksepterte && len(avsendere) == 0, "warning", "kontoer.ingenavsendere", "kontoer.ingenavsendere.om")
	digisos, err := p.brukesAvDigisos(r, s)
	if err != nil {
		return err
	}
	adresser, err := p.FiksIO.Adresser(r.Context(), s.k.ID)
	if err != nil {
		return err
	}
	aktive := 0
	for _, a := range adresser {
		if a.Aktiv {
			aktive++
		}
	}
	return p.visKontoside(w, r, s, http.StatusOK, "konto", "", "", nil, m, map[string]any{
		"Digisos": digisos, "Aktive": aktive, "Ingen": s.k.Aktiv && s.stand.AntallKonsumenter == 0})
}

// brukesAvDigisos tells whether the organisation's søknader go to the konto.
func (p *Forvaltning) brukesAvDigisos(r *http.Request, s kontoside) (bool, error) {
	k, err := p.Digisos.Konfigurasjon(r.Context(), s.org.ID)
	if feil.Er(err, feil.IkkeFunnet) {
		return false, nil
	}
	return err == nil && k.BrukerFiksIO && k.FiksIOKontoID == s.k.ID, err
}

// brukesAvKontor gives where an office whose reports of concern go to the konto is set
// up; "" when there is none.
func (p *Forvaltning) brukesAvKontor(ctx context.Context, s kontoside) (string, error) {
	alle, err := p.Bekymring.BydelerI(ctx, s.org.ID)
	for _, b := range alle {
		if b.Kanal == bekymringsmelding.KanalFiksIO && b.FiksIOKontoID == s.k.ID && !b.Deaktivert {
			return "/forvaltning/" + s.org.ID + "/" + bydelmeny + "/" + b.RessursID + "/mottak", nil
		}
	}
	return "", err
}

// settKontoAktiv activates or deactivates it. What is so already stays so.
func (p *Forvaltning) settKontoAktiv(w http.ResponseWriter, r *http.Request, s kontoside) error {
	var aktiv bool
	gjort := "inaktiv"
	switch r.PostForm.Get("handling") {
	case "aktiver":
		aktiv, gjort = true, "aktiv"
	case "deaktiver":
	default:
		return feil.Ny(feil.Ugyldig, "Ukjent handling")
	}
	if _, err := p.FiksIO.SettAktiv(r.Context(), s.k.ID, aktiv, s.av); err != nil {
		return err
	}
	return portal.Videre(w, r, s.her+"?gjort="+gjort)
}

func (p *Forvaltning) visKontonavn(w http.ResponseWriter, r *http.Request, s kontoside) error {
	felt, err := p.Gjenopprettet(r)
	if err != nil {
		return err
	}
	var m []portal.Melding
	versjon := s.k.Navn
	if felt != nil {
		m, versjon = append(m, gjenopprettet(s.t)), felt.Get("versjon") // as it was then
	} else {
		felt = url.Values{"navn": {s.k.Navn}}
	}
	sk := portal.LesSkjema(s.t, kontonavnFelt(), felt, false)
	sk.Versjon = versjon
	return p.visKontonavnMed(w, r, s, http.StatusOK, sk, m)
}

func (p *Forvaltning) visKontonavnMed(w http.ResponseWriter, r *http.Request, s kontoside, status int, sk portal.Skjema, m []portal.Melding) error {
	k := kontoskjema{Skjema: sk, Om: s.t("kontoer.navn.om"), Knapp: s.t("lagre"), Avbryt: s.her}
	if status == http.StatusConflict {
		k.Lagret = lagret(s.t, kontonavnFelt(), url.Values{"navn": {s.k.Navn}})
	}
	return p.visKontoside(w, r, s, status, "kontoskjema", "", s.t("kontoer.navn.endre"), sk.Feil, m, map[string]any{"Skjema": k})
}

// lagreKontonavn gives it another name, unless somebody has done so since the
// page was shown.
func (p *Forvaltning) lagreKontonavn(w http.ResponseWriter, r *http.Request, s kontoside) error {
	if err := p.GlemSkjema(r); err != nil {
		return err
	}
	felt := portal.Rens(kontonavnFelt(), r.PostForm)
	sk := portal.LesSkjema(s.t, kontonavnFelt(), felt, true)
	sk.Versjon = r.PostForm.Get("versjon")
	if len(sk.Feil) > 0 {
		return p.visKontonavnMed(w, r, s, http.StatusUnprocessableEntity, sk, nil)
	}
	ny := felt.Get("navn")
	_, err := p.FiksIO.EndreKonto(r.Context(), s.k.ID, s.av, func(tx *store.Tx, k *fiksio.Konto) error {
		if k.Navn != sk.Versjon && k.Navn != ny { // sent twice, it is no conflict
			return errKontoEndret
		}
		k.Navn = ny
		if ledig, err := p.FiksIO.NavnLedig(r.Context(), tx, *k); err != nil {
			return err
		} else if !ledig {
			return errKontonavnOpptatt
		}
		return nil
	})
	switch {
	case errors.Is(err, errKontoEndret):
		if s, err = p.lesKonto(r); err != nil {
			return err
		}
		sk.Versjon = s.k.Navn
		return p.visKontonavnMed(w, r, s, http.StatusConflict, sk, kontokonflikt(s.t))
	case errors.Is(err, errKontonavnOpptatt):
		sk.FeilPaa("navn", s.t("kontoer.navn.opptatt", "navn", ny))
		return p.visKontonavnMed(w, r, s, http.StatusUnprocessableEntity, sk, nil)
	case err != nil:
		return err
	}
	return portal.Videre(w, r, s.her+"?gjort=lagret")
}

// visSlettKonto says what is lost. A konto that søknader or reports of
// concern go to is not deleted: they are given another way first.
func (p *Forvaltning) visSlettKonto(w http.ResponseWriter, r *http.Request, s kontoside) error {
	digisos, err := p.brukesAvDigisos(r, s)
	if err != nil {
		return err
	}
	kontor, err := p.brukesAvKontor(r.Context(), s)
	if err != nil {
		return err
	}
	adresser, err := p.FiksIO.Adresser(r.Context(), s.k.ID)
	if err != nil {
		return err
	}
	integrasjoner, err := p.kontobrukere(r.Context(), s)
	if err != nil {
		return err
	}
	status := http.StatusOK
	if (digisos || kontor != "") && r.Method == http.MethodPost {
		status = http.StatusConflict
	}
	return p.visKontoside(w, r, s, status, "slettkonto", "", s.t("kontoer.slett"), nil, nil, map[string]any{
		"Digisos": digisos, "Kontor": kontor, "Adresser": adresser, "Integrasjoner": integrasjoner})
}

func (p *Forvaltning) slettKonto(w http.ResponseWriter, r *http.Request, s kontoside) error {
	if digisos, err := p.brukesAvDigisos(r, s); err != nil {
		return err
	} else if digisos {
		return p.visSlettKonto(w, r, s)
	}
	if kontor, err := p.brukesAvKontor(r.Context(), s); err != nil {
		return err
	} else if kontor != "" {
		return p.visSlettKonto(w, r, s)
	}
	if err := p.FiksIO.SlettKonto(r.Context(), s.k.ID, s.av); err != nil && !feil.Er(err, feil.IkkeFunnet) {
		return err
	}
	return portal.Videre(w, r, "/forvaltning/"+s.org.ID+"/kontoer?gjort=slettet")
}
