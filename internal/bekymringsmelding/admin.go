package bekymringsmelding

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"knutepunkt/internal/audit"
	"knutepunkt/internal/auth"
	"knutepunkt/internal/feil"
	"knutepunkt/internal/httpx"
	"knutepunkt/internal/levering"
	"knutepunkt/internal/organisasjon"
	"knutepunkt/internal/store"
	"knutepunkt/internal/svarut/print"
)

// adminRuter are the endpoints of operators and of an organisation's administrators (§7).
func (s *Service) adminRuter() []auth.Route {
	t := auth.Tilgang{Slag: auth.Person, Niva: mottaksniva, Merknad: "plattformens operatør, eller organisasjonens administrator for dens egne meldinger"}
	var ut []auth.Route
	for _, v := range []string{"v1", "v2"} {
		rot := "/bekymringsmelding/api/" + v + "/admin"
		ut = append(ut,
			auth.Route{Pattern: "GET " + rot + "/historikk/{bekymringsmeldingId}", Tilgang: t, Handler: s.getHistorikk(v)},
			auth.Route{Pattern: "GET " + rot + "/meldinger", Tilgang: t, Handler: s.getMeldinger(v)},
			auth.Route{Pattern: "GET " + rot + "/statistikk", Tilgang: t, Handler: s.getStatistikk(v)},
			auth.Route{Pattern: "GET " + rot + "/statistikk/bydeler", Tilgang: t, Handler: s.getStatistikkBydeler},
			auth.Route{Pattern: "GET " + rot + "/statistikk/skjematyper", Tilgang: t, Handler: s.getStatistikkSkjematyper},
			auth.Route{Pattern: "PUT " + rot + "/status/{bekymringsmeldingId}/{state}", Tilgang: t, Handler: s.putStatus},
			auth.Route{Pattern: "POST " + rot + "/status", Tilgang: t, Handler: s.postStatus, MaxBody: maksStatus},
			auth.Route{Pattern: "POST " + rot + "/send/{bekymringsmeldingId}", Tilgang: t, Handler: s.postSend},
		)
	}
	return append(ut, auth.Route{Pattern: "GET /bekymringsmelding/api/v2/admin/meldinger/csv", Tilgang: t, Handler: s.getCSV})
}

const maksStatus = 64 << 10

// operator tells whether the caller runs the platform.
func (s *Service) operator(ctx context.Context) (bool, error) {
	return s.Organisasjon.Har(ctx, auth.From(ctx).Fnr, auth.Rot, organisasjon.RotID)
}

// administrerer tells whether the caller is an administrator of the organisation.
func (s *Service) administrerer(ctx context.Context, fiksOrgID string) (bool, error) {
	return s.Organisasjon.Har(ctx, auth.From(ctx).Fnr, auth.Admin, fiksOrgID)
}

// omfang is the organisation that a listing is limited to: the one in fiksOrgId, or
// all ("") for operators alone. feil.IngenTilgang.
func (s *Service) omfang(r *http.Request) (string, error) {
	ctx := r.Context()
	org := r.URL.Query().Get("fiksOrgId")
	if org != "" {
		var err error
		if org, err = uuidFra("fiksOrgId", org); err != nil {
			return "", err
		}
	}
	ja, err := s.operator(ctx)
	if err == nil && !ja && org != "" {
		ja, err = s.administrerer(ctx, org)
	}
	if err != nil {
		return "", err
	}
	if !ja {
		return "", feil.Ny(feil.IngenTilgang, "Mangler tilgang. Oppgi fiksOrgId for en organisasjon du er administrator i")
	}
	return org, nil
}

// adminMelding finds a report that the caller administers, and whether it is as an
// administrator of the receiving organisation, who may read what the receiver wrote.
// feil.IkkeFunnet, one and the same for what is not there and what is another's.
func (s *Service) adminMelding(ctx context.Context, q store.Queryer, id string) (m Melding, mottakers bool, err error) {
	if id, err = uuidFra("bekymringsmeldingId", id); err != nil {
		return m, false, err
	}
	if m, err = hentMelding(ctx, q, id); err != nil {
		return m, false, err
	}
	if mottakers, err = s.administrerer(ctx, m.FiksOrgID); err != nil {
		return m, false, err
	}
	op, err := s.operator(ctx)
	if err != nil {
		return m, false, err
	}
	if !mottakers && !op {
		return m, false, ukjentMelding()
	}
	return m, mottakers && !op, nil
}

// getHistorikk lists all that happened to a report, also what the sender does not see.
func (s *Service) getHistorikk(versjon string) httpx.Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		ctx := r.Context()
		m, mottakers, err := s.adminMelding(ctx, s.DB.Read(), r.PathValue("bekymringsmeldingId"))
		if err != nil {
			return err
		}
		if org := r.URL.Query().Get("fiksOrgId"); org != "" && !strings.EqualFold(org, m.FiksOrgID) {
			return ukjentMelding()
		}
		alle, err := s.hendelser(ctx, s.DB.Read(), m.ID)
		if err != nil {
			return err
		}
		type historikk struct {
			ID              string   `json:"bekymringsmeldingId"`
			Tidspunkt       string   `json:"tidspunkt"`
			State           Tilstand `json:"state"`
			Meldingstype    string   `json:"meldingstype,omitempty"`
			MeldingID       string   `json:"meldingId,omitempty"`       // v1
			FiksIOMeldingID string   `json:"fiksIoMeldingId,omitempty"` // v2
			FiksIOKonto     string   `json:"fiksIoKonto,omitempty"`
			Beskrivelse     string   `json:"beskrivelse,omitempty"`
		}
		fritekst := slices.ContainsFunc(alle, func(h Hendelse) bool { return h.Fritekst != "" })
		if mottakers && fritekst { // what the receiver wrote may be of the child
			if err := s.DB.Write(ctx, func(tx *store.Tx) error { return s.loggAdmin(ctx, tx, m, "BEKYMRINGSMELDING_HISTORIKK_LEST", "") }); err != nil {
				return err
			}
		}
		ut := []historikk{}
		for _, h := range alle {
			v := historikk{ID: m.ID, Tidspunkt: grovt(h.Tidspunkt), State: h.Tilstand,
				Meldingstype: h.Meldingstype, FiksIOKonto: h.FiksIOKonto, Beskrivelse: h.Beskrivelse}
			if mottakers {
				v.Beskrivelse = h.beskrivelse()
			}
			if versjon == "v1" {
				v.MeldingID = h.FiksIOMeldingID
			} else {
				v.FiksIOMeldingID = h.FiksIOMeldingID
			}
			ut = append(ut, v)
		}
		return httpx.JSON(w, http.StatusOK, ut)
	}
}

// putStatus is for what people know and no receipt told: LEVERT, or that the
// fagsystem has refused (§7).
func (s *Service) putStatus(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	ny := Tilstand(r.PathValue("state"))
	err := s.DB.Write(ctx, func(tx *store.Tx) error {
		m, _, err := s.adminMelding(ctx, tx, r.PathValue("bekymringsmeldingId"))
		if err != nil {
			return err
		}
		l, err := s.Levering.ForKilde(ctx, tx, Kilde, m.ID)
		if err != nil {
			return fmt.Errorf("delivery of %s: %w", m.ID, err)
		}
		switch {
		case ny == m.Tilstand:
			return nil
		case ny == Levert && m.Tilstand != Akseptert:
			_, err = s.Levering.BekreftUtenom(ctx, tx, l.ID, "satt av en administrator")
		case ny == AvvistFagsystem && m.Tilstand == SendtFagsystem:
			err = s.avvistFor(ctx, tx, l, "Satt som avvist av en administrator")
		default:
			return feil.Ny(feil.Ugyldig, "En melding i tilstand %s kan ikke settes til det oppgitte", m.Tilstand)
		}
		if err != nil {
			return err
		}
		return s.loggAdmin(ctx, tx, m, "BEKYMRINGSMELDING_STATUS_SATT", string(ny))
	})
	return tomtSvar(w, err)
}

// avvistFor refuses on behalf of the channel that has the report in hand.
func (s *Service) avvistFor(ctx context.Context, tx *store.Tx, l levering.Levering, grunn string) error {
	if _, err := tx.ExecContext(ctx, `UPDATE bekymring_ko SET tilstand = 'AVVIST' WHERE melding_id = $1 AND tilstand = 'VENTER'`, l.KildeID); err != nil {
		return fmt.Errorf("moving %s in the queue: %w", l.KildeID, err)
	}
	ok, err := s.Levering.Avvist(ctx, tx, l.Kanal, l.LeveranseID, grunn, "")
	if err == nil && !ok {
		err = feil.Ny(feil.Ugyldig, "Meldingen venter ikke på fagsystemet")
	}
	return err
}

func (s *Service) loggAdmin(ctx context.Context, tx *store.Tx, m Melding, handling, payload string) error {
	return s.logg(ctx, tx, audit.Hendelse{Principal: auth.From(ctx), Handling: handling, FiksOrg: m.FiksOrgID, Underressurs: m.ID, Payload: payload})
}

func tomtSvar(w http.ResponseWriter, err error) error {
	if err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// postStatus records a receipt by hand: it is found by the Fiks IO message, its type
// and the konto, and 400 when they are not of one order (§7, §10).
func (s *Service) postStatus(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	var inn struct {
		MeldingID    string `json:"meldingId"`
		Meldingstype string `json:"meldingstype"`
		FiksIOKonto  string `json:"fiksIoKonto"`
	}
	if err := httpx.ReadJSON(r, maksStatus, &inn); err != nil {
		return err
	}
	fiksioID, err := uuidFra("meldingId", inn.MeldingID)
	if err != nil {
		return err
	}
	funnet, err := ider(ctx, s.DB.Read(), `SELECT melding_id FROM bekymring_hendelse WHERE fiksio_id = $1 AND tilstand IN ('SENDT_FAGSYSTEM', 'LEVERT') ORDER BY nr LIMIT 1`, fiksioID)
	if err != nil {
		return err
	}
	if len(funnet) == 0 { // before the one who writes is asked
		return feil.Ny(feil.Ugyldig, "Ingen bekymringsmelding er sendt med den meldingen")
	}
	err = s.DB.Write(ctx, func(tx *store.Tx) error {
		m, _, err := s.adminMelding(ctx, tx, funnet[0])
		if feil.Er(err, feil.IkkeFunnet) {
			return feil.Ny(feil.Ugyldig, "Ingen bekymringsmelding er sendt med den meldingen")
		} else if err != nil {
			return err
		}
		if m.KontoID == "" || !strings.EqualFold(m.KontoID, inn.FiksIOKonto) {
			return feil.Ny(feil.Ugyldig, "Meldingen er ikke sendt til den kontoen")
		}
		gjort := false
		switch inn.Meldingstype {
		case typeMottatt:
			gjort, err = s.Levering.Bekreft(ctx, tx, levering.KanalFiksIO, fiksioID)
		case typeFeilet:
			gjort, err = s.Levering.Avvist(ctx, tx, levering.KanalFiksIO, fiksioID, "Registrert som feilet av en administrator", "")
		default:
			return feil.Ny(feil.Ugyldig, "meldingstype må være %s eller %s", typeMottatt, typeFeilet)
		}
		if err != nil {
			return err
		}
		return s.loggAdmin(ctx, tx, m, forSent("BEKYMRINGSMELDING_KVITTERING_REGISTRERT", gjort), fiksioID)
	})
	return tomtSvar(w, err)
}

// forSent is the name in the audit log of a receipt, and says when it came too late to
// change anything.
func forSent(handling string, gjort bool) string {
	if !gjort {
		return handling + "_FOR_SENT"
	}
	return handling
}

// postSend brings a report on its way (§7): one that is not handed to its channel is
// tried at once; one that the fagsystem has not confirmed goes as a letter; a letter
// that the supplier has refused is printed anew. One whose letter is under way is left
// alone: there are no two letters of one report.
func (s *Service) postSend(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	m, _, err := s.adminMelding(ctx, s.DB.Read(), r.PathValue("bekymringsmeldingId"))
	if err != nil {
		return err
	}
	return tomtSvar(w, s.sendIgjen(ctx, m))
}

func (s *Service) sendIgjen(ctx context.Context, m Melding) error {
	l, err := s.Levering.ForKilde(ctx, s.DB.Read(), Kilde, m.ID)
	if err != nil {
		return fmt.Errorf("delivery of %s: %w", m.ID, err)
	}
	if l.Ferdig() {
		return medKode(feil.Ny(feil.Ugyldig, "Meldingen er levert og kan ikke sendes på nytt"), KodeAlleredeLevert)
	}
	if l.Tilstand == levering.Sendt && l.Kanal == levering.KanalPrint {
		return s.skrivUtPaaNytt(ctx, m, l)
	}
	if l.Oppbrukt() {
		err := s.Levering.ProvIgjen(ctx, l.ID, "en administrator")
		if err != nil {
			return err
		}
	}
	return s.DB.Write(ctx, func(tx *store.Tx) error {
		var err error
		if l.Tilstand == levering.Sendt {
			_, err = s.Levering.GaVidere(ctx, tx, l.ID, "Sendt som brev av en administrator")
		} else {
			err = s.Levering.Dytt(ctx, tx, l.ID)
		}
		if err != nil {
			return err
		}
		return s.loggAdmin(ctx, tx, m, "BEKYMRINGSMELDING_SENDT_PAA_NYTT", "")
	})
}

// skrivUtPaaNytt makes a new letter of one that was refused.
func (s *Service) skrivUtPaaNytt(ctx context.Context, m Melding, l levering.Levering) error {
	if s.Print == nil {
		return nil
	}
	jobb, err := s.Print.SisteJobb(ctx, l.LeveranseID)
	if err != nil {
		return fmt.Errorf("finding the letter of %s: %w", m.ID, err)
	}
	if jobb.Tilstand != print.Avvist { // its letter is under way
		return nil
	}
	if _, err := s.Print.PrintPaaNytt(ctx, jobb.ID, "en administrator"); err != nil {
		return err
	}
	return s.DB.Write(ctx, func(tx *store.Tx) error {
		naa, err := hentMelding(ctx, tx, m.ID)
		if err != nil {
			return err
		}
		// One that is delivered anew is delivered to its sender, and stays so.
		h := Hendelse{Tilstand: naa.Tilstand, Beskrivelse: "Skrives ut på nytt"}
		if naa.Tilstand == AvvistPrint {
			naa.Tilstand, h.Tilstand, h.Offentlig = SendtPrint, SendtPrint, true
			if err := lagreTilstand(ctx, tx, naa); err != nil {
				return err
			}
		}
		return errors.Join(s.skrivHendelse(ctx, tx, m.ID, h),
			s.loggAdmin(ctx, tx, m, "BEKYMRINGSMELDING_SENDT_PAA_NYTT", jobb.ID))
	})
}
