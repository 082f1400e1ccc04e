package digisos

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"

	"knutepunkt/internal/audit"
	"knutepunkt/internal/auth"
	"knutepunkt/internal/feil"
	"knutepunkt/internal/klokke"
	"knutepunkt/internal/levering"
	"knutepunkt/internal/organisasjon"
	"knutepunkt/internal/store"
)

// Reconciliation is our own (decision 20): a receipt says that a system has stored a
// søknad, and systems have said so of what they had lost. A municipality that turns it on
// tells which søknader and ettersendelser it has registered; what is delivered and not
// registered is a gap, which never closes by itself.

const (
	maksAvvik      = 1000 // gaps that are listed, the oldest
	avstemtDager   = 30   // how far back is counted
	varsletVisning = 50   // gaps that an e-mail names
	// avvikEtter is how long after its delivery people are told of a gap, at the next of
	// avvikTimer, in Oslo.
	avvikEtter = 4 * time.Hour
)

var avvikTimer = []int{8}

// Avstemt is the answer to what a municipality has registered.
type Avstemt struct {
	Registrert        []string `json:"registrert"`        // closed by this
	TidligereMeldt    []string `json:"tidligereMeldt"`    // closed before
	Ukjent            []string `json:"ukjent"`            // not sent to this municipality, or no id
	GjenstaaendeAvvik int      `json:"gjenstaaendeAvvik"` // delivered and not registered
}

// Avvik is a gap: a søknad or an ettersendelse that is delivered and not registered.
type Avvik struct {
	ID              string // of the forsendelse; of a søknad its DigisosId
	DigisosID       string
	NavEksternRefID string
	Ettersendelse   bool
	Sendt, Levert   time.Time
	Kanal           string // levering.KanalFiksIO or levering.KanalSvarUt
	PaaVei          bool   // it is being delivered once more
}

// Avstemming is how a municipality stands: of what was handed over in the last 30 days,
// and all gaps.
type Avstemming struct {
	Organisasjon                 organisasjon.Organisasjon
	Fra                          time.Time // since when it reconciles; zero: it does not
	Sendt, Bekreftet, Registrert int
	AntallAvvik                  int
	Avvik                        []Avvik // the oldest first, at most 1000
}

// avstemmesFra is since when a municipality reconciles; zero: it does not.
func avstemmesFra(ctx context.Context, q store.Queryer, fiksOrgID string) (time.Time, error) {
	var fra int64
	err := q.QueryRowContext(ctx, `SELECT fra FROM digisos_avstemming WHERE fiks_org_id = $1`, fiksOrgID).Scan(&fra)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return time.Time{}, fmt.Errorf("reading whether %s reconciles: %w", fiksOrgID, err)
	}
	return store.Time(fra), nil
}

// SettAvstemming turns reconciliation of a municipality on or off. What is delivered from
// that moment on counts; gaps that are there when it is turned off are there again when it
// is turned on. Idempotent, audited. feil.Ugyldig when it does not use Digisos.
func (s *Service) SettAvstemming(ctx context.Context, fiksOrgID string, paa bool) (fra time.Time, err error) {
	if _, err := s.bruker(ctx, fiksOrgID); err != nil {
		return fra, err
	}
	err = s.DB.Write(ctx, func(tx *store.Tx) error {
		if fra, err = avstemmesFra(ctx, tx, fiksOrgID); err != nil || !fra.IsZero() == paa {
			return err
		}
		handling, q, args := "DIGISOS_AVSTEMMING_AV", `DELETE FROM digisos_avstemming WHERE fiks_org_id = $1`, []any{fiksOrgID}
		if fra = (time.Time{}); paa {
			fra = s.Klokke.Now()
			handling, q = "DIGISOS_AVSTEMMING_PAA", `INSERT INTO digisos_avstemming (fiks_org_id, fra, varslet) VALUES ($1, $2, 0)`
			args = append(args, store.Micros(fra))
		}
		if _, err := tx.ExecContext(ctx, q, args...); err != nil {
			return fmt.Errorf("turning reconciliation of %s on or off: %w", fiksOrgID, err)
		}
		tx.OnCommit(func() { s.Jobber.Wake(avvikplikt) })
		return s.logg(ctx, tx, audit.Hendelse{Handling: handling, FiksOrg: fiksOrgID})
	})
	return fra, err
}

// AvstemmingAv is whether, and since when, a municipality reconciles.
func (s *Service) AvstemmingAv(ctx context.Context, fiksOrgID string) (time.Time, error) {
	return avstemmesFra(ctx, s.DB.Read(), fiksOrgID)
}

// MineAvstemminger is how the municipalities stand that the person administers and that
// reconcile.
func (s *Service) MineAvstemminger(ctx context.Context, av auth.Caller) (ut []Avstemming, err error) {
	if av.Slag != auth.Person || av.Fnr == "" || av.Niva < Sikkerhetsniva {
		return nil, nil
	}
	synlige, err := s.Organisasjon.Synlige(ctx, av.Fnr)
	if err != nil {
		return nil, fmt.Errorf("finding a person's municipalities: %w", err)
	}
	for _, o := range synlige {
		fra, err := avstemmesFra(ctx, s.DB.Read(), o.ID)
		if err != nil {
			return nil, err
		}
		if fra.IsZero() {
			continue
		}
		if ja, err := s.Organisasjon.Har(ctx, av.Fnr, auth.Admin, o.ID); err != nil {
			return nil, err
		} else if !ja {
			continue
		}
		a := Avstemming{Organisasjon: o, Fra: fra}
		if err := s.DB.Read().QueryRowContext(ctx, `SELECT count(*), coalesce(sum(CASE WHEN levert > 0 THEN 1 ELSE 0 END), 0),
			coalesce(sum(CASE WHEN registrert > 0 THEN 1 ELSE 0 END), 0) FROM digisos_overlevert WHERE fiks_org_id = $1 AND overlevert >= $2`,
			o.ID, store.Micros(s.Klokke.Now().AddDate(0, 0, -avstemtDager))).Scan(&a.Sendt, &a.Bekreftet, &a.Registrert); err != nil {
			return nil, fmt.Errorf("counting what was handed over: %w", err)
		}
		if a.AntallAvvik, err = antallAvvik(ctx, s.DB.Read(), o.ID); err != nil {
			return nil, err
		}
		if a.Avvik, err = s.AvvikI(ctx, o.ID); err != nil {
			return nil, err
		}
		ut = append(ut, a)
	}
	return ut, nil
}

// erAvvik is what a gap is, of digisos_overlevert as o.
const erAvvik = `o.registrert = 0 AND o.levert > 0 AND EXISTS (SELECT 1 FROM digisos_avstemming a WHERE a.fiks_org_id = o.fiks_org_id)`

func antallAvvik(ctx context.Context, q store.Queryer, fiksOrgID string) (n int, err error) {
	if err := q.QueryRowContext(ctx, `SELECT count(*) FROM digisos_overlevert o WHERE o.fiks_org_id = $1 AND `+erAvvik, fiksOrgID).Scan(&n); err != nil {
		return 0, fmt.Errorf("counting gaps: %w", err)
	}
	return n, nil
}

// AvvikI lists the gaps of a municipality, the oldest first, at most 1000.
func (s *Service) AvvikI(ctx context.Context, fiksOrgID string) ([]Avvik, error) {
	rows, err := s.DB.Read().QueryContext(ctx, `SELECT o.forsendelse_id, o.sak_id, f.nav_ekstern_ref_id, f.nr, f.sendt, o.levert, o.kanal
		FROM digisos_overlevert o JOIN digisos_forsendelse f ON f.id = o.forsendelse_id
		WHERE o.fiks_org_id = $1 AND `+erAvvik+` ORDER BY o.levert, o.forsendelse_id LIMIT $2 + 0`, fiksOrgID, maksAvvik)
	if err != nil {
		return nil, fmt.Errorf("listing gaps: %w", err)
	}
	defer rows.Close()
	var ut []Avvik
	for rows.Next() {
		var a Avvik
		var nr int
		var sendt, levert int64
		if err := rows.Scan(&a.ID, &a.DigisosID, &a.NavEksternRefID, &nr, &sendt, &levert, &a.Kanal); err != nil {
			return nil, fmt.Errorf("listing gaps: %w", err)
		}
		a.Ettersendelse, a.Sendt, a.Levert = nr > 0, store.Time(sendt), store.Time(levert)
		ut = append(ut, a)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("listing gaps: %w", err)
	}
	for i := range ut {
		l, _, err := s.Levering.Hent(ctx, s.DB.Read(), ut[i].ID)
		if err != nil {
			return nil, fmt.Errorf("delivery of %s: %w", ut[i].ID, err)
		}
		ut[i].PaaVei = !l.Ferdig()
	}
	return ut, nil
}

// RegistrerMottatt records what a municipality has registered in its system: a søknad by
// its DigisosId, an ettersendelse by DigisosId/navEksternRefId, either also by the id of
// the forsendelse. What is registered is delivered, whatever receipt came. Idempotent,
// audited. feil.Konflikt when the municipality does not reconcile.
func (s *Service) RegistrerMottatt(ctx context.Context, fiksOrgID string, ider []string) (ut Avstemt, err error) {
	err = s.DB.Write(ctx, func(tx *store.Tx) error {
		ut = Avstemt{Registrert: []string{}, TidligereMeldt: []string{}, Ukjent: []string{}}
		if err := krevAvstemming(ctx, tx, fiksOrgID); err != nil {
			return err
		}
		sett := map[string]bool{}
		for _, raa := range ider {
			sakID, ref, gyldig := avstemtID(raa)
			if !gyldig {
				ut.Ukjent = append(ut.Ukjent, "(ugyldig id)") // whatever it is, it is not to be reflected
				continue
			}
			id := sakID
			if ref != "" {
				id += "/" + ref
			}
			f, err := finnOverlevert(ctx, tx, fiksOrgID, sakID, ref)
			if feil.Er(err, feil.IkkeFunnet) {
				ut.Ukjent = append(ut.Ukjent, id)
				continue
			} else if err != nil {
				return err
			}
			if sett[f.ID] {
				continue
			}
			sett[f.ID] = true
			ny, err := s.registrert(ctx, tx, fiksOrgID, f)
			if err != nil {
				return err
			}
			if ny {
				ut.Registrert = append(ut.Registrert, id)
			} else {
				ut.TidligereMeldt = append(ut.TidligereMeldt, id)
			}
		}
		if ut.GjenstaaendeAvvik, err = antallAvvik(ctx, tx, fiksOrgID); err != nil {
			return err
		}
		return s.logg(ctx, tx, audit.Hendelse{Handling: "DIGISOS_AVSTEMT", FiksOrg: fiksOrgID, Payload: strings.Join(ut.Registrert, ",")})
	})
	return ut, err
}

func krevAvstemming(ctx context.Context, q store.Queryer, fiksOrgID string) error {
	fra, err := avstemmesFra(ctx, q, fiksOrgID)
	if err == nil && fra.IsZero() {
		return feil.Ny(feil.Konflikt, "Avstemming er ikke slått på for kommunen. En administrator kan slå den på")
	}
	return err
}

// avstemtID reads an id: a UUID, or a DigisosId, a slash and a navEksternRefId.
func avstemtID(raa string) (id, ref string, ok bool) {
	id, ref, harRef := strings.Cut(raa, "/")
	if len(id) != 36 || uuid.Validate(id) != nil || harRef && !navRefForm.MatchString(ref) {
		return "", "", false
	}
	return strings.ToLower(id), ref, true
}

// finnOverlevert finds what an id of the municipality's names; feil.IkkeFunnet, one and
// the same for what is not there, what is another's, and tests.
func finnOverlevert(ctx context.Context, q store.Queryer, fiksOrgID, id, ref string) (f forsendelse, err error) {
	hvor := `f.id = $2`
	args := []any{fiksOrgID, id}
	if ref != "" {
		hvor = `f.sak_id = $2 AND f.nav_ekstern_ref_id = $3`
		args = append(args, ref)
	}
	err = q.QueryRowContext(ctx, `SELECT f.id, f.sak_id, f.nr FROM digisos_forsendelse f JOIN digisos_sak k ON k.id = f.sak_id
		WHERE k.fiks_org_id = $1 AND k.prove = 0 AND k.slettet = 0 AND `+hvor+` ORDER BY f.nr LIMIT 1`, args...).Scan(&f.ID, &f.SakID, &f.Nr)
	if errors.Is(err, sql.ErrNoRows) {
		return f, feil.Ny(feil.IkkeFunnet, "Forsendelsen finnes ikke")
	} else if err != nil {
		return f, fmt.Errorf("finding a forsendelse: %w", err)
	}
	return f, nil
}

// registrert closes the gap of a forsendelse; false when it was closed before.
func (s *Service) registrert(ctx context.Context, tx *store.Tx, fiksOrgID string, f forsendelse) (ny bool, err error) {
	if ny, err = s.merkRegistrert(ctx, tx, fiksOrgID, f); err != nil || !ny {
		return ny, err
	}
	if _, err := s.Levering.BekreftUtenom(ctx, tx, f.ID, "registrert av mottakeren"); err != nil {
		return false, fmt.Errorf("delivery of %s: %w", f.ID, err)
	}
	return true, nil
}

func (s *Service) merkRegistrert(ctx context.Context, tx *store.Tx, fiksOrgID string, f forsendelse) (ny bool, err error) {
	res, err := tx.ExecContext(ctx, `INSERT INTO digisos_overlevert (forsendelse_id, sak_id, fiks_org_id, overlevert, levert, kanal, registrert)
		VALUES ($1, $2, $3, $4, 0, '', $5) ON CONFLICT (forsendelse_id) DO UPDATE SET registrert = excluded.registrert WHERE digisos_overlevert.registrert = 0`,
		f.ID, f.SakID, fiksOrgID, store.Micros(s.Klokke.Now()), store.Micros(klokke.Dagen(s.Klokke.Now())))
	if err != nil {
		return false, fmt.Errorf("registering %s: %w", f.ID, err)
	}
	return enRad(res)
}

// fagsystemetHar registers the søknad of a case: who writes on it has it. Ettersendelser
// are not proven by that.
func (s *Service) fagsystemetHar(ctx context.Context, tx *store.Tx, k sak) error {
	if !k.NavEksternRefID.Valid || k.prove != 0 {
		return nil
	}
	fra, err := avstemmesFra(ctx, tx, k.FiksOrgID)
	if err != nil || fra.IsZero() {
		return err
	}
	_, err = s.merkRegistrert(ctx, tx, k.FiksOrgID, forsendelse{ID: k.ID, SakID: k.ID})
	return err
}

// overlevert notes what a channel has, or the receiver, for a municipality that reconciles.
func (s *Service) overlevert(ctx context.Context, tx *store.Tx, sakID string, l levering.Levering) error {
	if l.Kilde == KildeProve || !underveis(l) {
		return nil
	}
	fra, err := avstemmesFra(ctx, tx, l.FiksOrgID)
	if err != nil || fra.IsZero() {
		return err
	}
	naa, levert := store.Micros(s.Klokke.Now()), int64(0)
	if l.Tilstand == levering.Bekreftet {
		levert = naa
		tx.OnCommit(func() { s.Jobber.Wake(avvikplikt) })
	}
	if _, err := tx.ExecContext(ctx, `INSERT INTO digisos_overlevert (forsendelse_id, sak_id, fiks_org_id, overlevert, levert, kanal, registrert)
		VALUES ($1, $2, $3, $4, $5, $6, 0) ON CONFLICT (forsendelse_id) DO UPDATE SET kanal = excluded.kanal,
			levert = CASE WHEN excluded.levert > 0 THEN excluded.levert ELSE digisos_overlevert.levert END`,
		l.KildeID, sakID, l.FiksOrgID, naa, levert, l.Kanal); err != nil {
		return fmt.Errorf("noting that %s was handed over: %w", l.KildeID, err)
	}
	return nil
}

// harAvvik tells whether something of a case is a gap: then its content stays.
func harAvvik(ctx context.Context, q store.Queryer, sakID string) (bool, error) {
	var n int
	if err := q.QueryRowContext(ctx, `SELECT count(*) FROM digisos_overlevert o WHERE o.sak_id = $1 AND `+erAvvik, sakID).Scan(&n); err != nil {
		return false, fmt.Errorf("looking for gaps of %s: %w", sakID, err)
	}
	return n > 0, nil
}

// LeverPaaNytt delivers what a gap names once more, by the municipality's channels.
// Idempotent while it is on its way; audited. feil.IkkeFunnet, feil.Konflikt when there is
// no gap.
func (s *Service) LeverPaaNytt(ctx context.Context, fiksOrgID, forsendelseID string) error {
	return s.DB.Write(ctx, func(tx *store.Tx) error {
		f, err := finnOverlevert(ctx, tx, fiksOrgID, forsendelseID, "")
		if err != nil {
			return err
		}
		var n int
		if err := tx.QueryRowContext(ctx, `SELECT count(*) FROM digisos_overlevert o WHERE o.forsendelse_id = $1 AND `+erAvvik, f.ID).Scan(&n); err != nil {
			return fmt.Errorf("looking for a gap: %w", err)
		}
		if n == 0 {
			return feil.Ny(feil.Konflikt, "Forsendelsen er ikke et avvik: den er registrert, eller ikke levert ennå")
		}
		l, _, err := s.Levering.Hent(ctx, tx, f.ID)
		if err != nil {
			return fmt.Errorf("delivery of %s: %w", f.ID, err)
		}
		if !l.Ferdig() {
			return nil
		}
		if err := s.Levering.LeverPaaNytt(ctx, tx, f.ID, "mottakeren"); err != nil {
			return err
		}
		return s.logg(ctx, tx, audit.Hendelse{Handling: "DIGISOS_LEVERES_PAA_NYTT", FiksOrg: fiksOrgID, Underressurs: f.ID})
	})
}

// nesteAvvik is the first hour at which a municipality is to be told of a gap.
func (s *Service) nesteAvvik(ctx context.Context) (neste time.Time, err error) {
	rows, err := s.DB.Read().QueryContext(ctx, `SELECT a.varslet, min(o.levert) FROM digisos_avstemming a
		JOIN digisos_overlevert o ON o.fiks_org_id = a.fiks_org_id WHERE o.registrert = 0 AND o.levert > 0 GROUP BY a.fiks_org_id, a.varslet`)
	if err != nil {
		return neste, fmt.Errorf("asking when to tell of gaps: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var varslet, eldste int64
		if err := rows.Scan(&varslet, &eldste); err != nil {
			return neste, fmt.Errorf("asking when to tell of gaps: %w", err)
		}
		kl := klokke.EtterKlokka(store.Time(max(varslet, eldste+avvikEtter.Microseconds())), avvikTimer)
		if neste.IsZero() || kl.Before(neste) {
			neste = kl
		}
	}
	return neste, rows.Err()
}

// varsleAvvik tells the contacts of each municipality with gaps, once a day: which, and
// how old. A DigisosId names nobody.
func (s *Service) varsleAvvik(ctx context.Context, naa time.Time) error {
	kl := klokke.SistKlokka(naa, avvikTimer)
	orger, err := kolonne(ctx, s.DB.Read(), `SELECT a.fiks_org_id FROM digisos_avstemming a WHERE a.varslet < $1 AND EXISTS (SELECT 1 FROM digisos_overlevert o
		WHERE o.fiks_org_id = a.fiks_org_id AND o.registrert = 0 AND o.levert > 0 AND o.levert <= $2) ORDER BY a.fiks_org_id`,
		store.Micros(kl), store.Micros(kl.Add(-avvikEtter)))
	if err != nil {
		return fmt.Errorf("listing who is to be told of gaps: %w", err)
	}
	for _, org := range orger {
		if err := s.varsleAvvikI(ctx, org, kl); err != nil {
			return err
		}
	}
	return nil
}

func (s *Service) varsleAvvikI(ctx context.Context, fiksOrgID string, kl time.Time) error {
	avvik, err := s.AvvikI(ctx, fiksOrgID)
	if err != nil {
		return err
	}
	var tekst strings.Builder
	n := 0
	for _, a := range avvik {
		if a.Levert.After(kl.Add(-avvikEtter)) {
			continue
		}
		if n++; n <= varsletVisning {
			hva := "søknad " + a.DigisosID
			if a.Ettersendelse {
				hva = "ettersendelse " + a.DigisosID + "/" + a.NavEksternRefID
			}
			fmt.Fprintf(&tekst, "%s, levert for %d timer siden\n", hva, int(kl.Sub(a.Levert).Hours()))
		}
	}
	if n > varsletVisning {
		fmt.Fprintf(&tekst, "… og %d til\n", n-varsletVisning)
	}
	return s.DB.Write(ctx, func(tx *store.Tx) error {
		res, err := tx.ExecContext(ctx, `UPDATE digisos_avstemming SET varslet = $2 WHERE fiks_org_id = $1 AND varslet < $2`, fiksOrgID, store.Micros(kl))
		if err != nil {
			return fmt.Errorf("noting that %s was told: %w", fiksOrgID, err)
		}
		if ny, err := enRad(res); err != nil || !ny || n == 0 {
			return err // another node has told it
		}
		konf, err := s.lesKonfigurasjon(ctx, tx, "fiks_org_id", fiksOrgID)
		if err != nil {
			return err
		}
		til := append(append([]string{}, konf.Kontaktpersoner.FagansvarligEpost...), konf.Kontaktpersoner.TekniskAnsvarligEpost...)
		if s.Mail == nil || len(til) == 0 {
			return nil
		}
		return s.Mail.Send(ctx, tx, til, "Søknader er levert, men ikke registrert",
			"Dette er levert fra Fiks Digisos, men dere har ikke meldt at det er registrert i fagsystemet:\n\n"+tekst.String()+
				"\nFinn det i fagsystemet og meld det registrert, eller be om å få det levert på nytt. Innholdet er lagret kryptert til det er gjort.\n")
	})
}
