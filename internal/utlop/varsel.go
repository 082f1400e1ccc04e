package utlop

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"knutepunkt/internal/klokke"
	"knutepunkt/internal/store"
)

// nesteVarseltid is the first varselTime in Oslo after t.
func nesteVarseltid(t time.Time) time.Time {
	o := klokke.Oslo(t)
	v := time.Date(o.Year(), o.Month(), o.Day(), varselTime, 0, 0, 0, klokke.Sone())
	if !v.After(t) {
		v = time.Date(o.Year(), o.Month(), o.Day()+1, varselTime, 0, 0, 0, klokke.Sone())
	}
	return v.UTC()
}

// neste is when the duty is due: at eight in the morning after it was last done.
// What was missed by day is made good at once, by night at eight.
func (s *Service) neste(ctx context.Context) (time.Time, error) {
	sist, err := sistKjort(ctx, s.DB.Read())
	if err != nil || sist.IsZero() {
		return s.start, err
	}
	naa, t := s.Klokke.Now(), nesteVarseltid(sist)
	if t.Before(naa) && klokke.Oslo(naa).Hour() < varselTime {
		t = nesteVarseltid(naa)
	}
	return t, nil
}

// sistKjort is when the duty was last done; zero: never.
func sistKjort(ctx context.Context, q store.Queryer) (time.Time, error) {
	var sist int64
	err := q.QueryRowContext(ctx, `SELECT tidspunkt FROM utlop_kjort WHERE id = 1`).Scan(&sist)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return time.Time{}, fmt.Errorf("reading when what ends was told of: %w", err)
	}
	return store.Time(sist), nil
}

func kjort(ctx context.Context, tx *store.Tx, naa time.Time) error {
	if _, err := tx.ExecContext(ctx, `INSERT INTO utlop_kjort (id, tidspunkt) VALUES (1, $1)
		ON CONFLICT (id) DO UPDATE SET tidspunkt = excluded.tidspunkt`, store.Micros(naa)); err != nil {
		return fmt.Errorf("noting that what ends was told of: %w", err)
	}
	return nil
}

// nokkel is what a warning was for.
type nokkel struct {
	slag Slag
	id   string
}

// varslet is the last step that was told of, and of which end.
type varslet struct {
	utloper int64
	dager   int
}

// skal tells whether people are to be told of a step, given what they were told.
func (v varslet) skal(p Post, dager int) bool {
	return v.utloper != store.Micros(p.Utloper) || dager < v.dager
}

// Varsle tells, at naa, the technical contact of each organisation in one e-mail
// of all that has come to one of the steps since they were last told. Each step
// is told of once: the e-mail and the note of it are one transaction. An
// organisation gets at most one on a day; what comes later on it is told of on
// the next. A source that fails, or an organisation, costs the others nothing.
// The very first time nobody is told: that begins at the next hour for it.
func (s *Service) Varsle(ctx context.Context, naa time.Time) error {
	if sist, err := sistKjort(ctx, s.DB.Read()); err != nil {
		return err
	} else if sist.IsZero() {
		return s.DB.Write(ctx, func(tx *store.Tx) error { return kjort(ctx, tx, naa) })
	}
	ps, err := s.poster(ctx, "")
	feilet := []error{err}
	var orger []string
	av := map[string][]Post{}
	for _, p := range ps {
		if _, ja := trinnFor(dagerTil(naa, p.Utloper)); !ja {
			continue
		}
		if av[p.FiksOrgID] == nil {
			orger = append(orger, p.FiksOrgID)
		}
		av[p.FiksOrgID] = append(av[p.FiksOrgID], p)
	}
	for _, org := range orger {
		err := s.DB.Write(ctx, func(tx *store.Tx) error { return s.varsle(ctx, tx, org, av[org], naa) })
		if err != nil {
			feilet = append(feilet, fmt.Errorf("telling %s of what ends: %w", org, err))
		}
	}
	if err := errors.Join(feilet...); err != nil {
		return err // tried again; whoever was told today is not told again
	}
	return s.DB.Write(ctx, func(tx *store.Tx) error {
		if err := rydd(ctx, tx, ps); err != nil {
			return err
		}
		return kjort(ctx, tx, naa)
	})
}

func (s *Service) varsle(ctx context.Context, tx *store.Tx, org string, ps []Post, naa time.Time) error {
	fortalt, err := alleVarslet(ctx, tx)
	if err != nil {
		return err
	}
	var nye []Post
	for _, p := range ps {
		if t, _ := trinnFor(dagerTil(naa, p.Utloper)); fortalt[nokkel{p.Slag, p.ID}].skal(p, t) {
			nye = append(nye, p)
		}
	}
	if len(nye) == 0 {
		return nil
	}
	til, err := s.mottakere(ctx, tx, org)
	if err != nil {
		return err
	}
	if len(til) == 0 { // again tomorrow: somebody may be registered by then
		s.Log.ErrorContext(ctx, "nobody is registered to be told of what ends", "fiksOrg", org, "antall", len(nye))
		return nil
	}
	res, err := tx.ExecContext(ctx, `INSERT INTO utlop_epost (fiks_org, dag) VALUES ($1, $2)
		ON CONFLICT (fiks_org) DO UPDATE SET dag = excluded.dag WHERE utlop_epost.dag < excluded.dag`, org, dag(naa))
	if err != nil {
		return fmt.Errorf("noting an e-mail: %w", err)
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 { // told today, perhaps by another node
		return err
	}
	for _, p := range nye {
		t, _ := trinnFor(dagerTil(naa, p.Utloper))
		if _, err := tx.ExecContext(ctx, `INSERT INTO utlop_varslet (slag, id, utloper, dager) VALUES ($1, $2, $3, $4)
			ON CONFLICT (slag, id) DO UPDATE SET utloper = excluded.utloper, dager = excluded.dager`,
			string(p.Slag), p.ID, store.Micros(p.Utloper), t); err != nil {
			return fmt.Errorf("noting a warning: %w", err)
		}
	}
	emne, tekst := s.brev(org, nye, naa)
	return s.Varsler.Send(ctx, tx, til, emne, tekst)
}

// mottakere are who is told of what is an organisation's.
func (s *Service) mottakere(ctx context.Context, tx *store.Tx, org string) ([]string, error) {
	if org == s.cfg.PlattformOrgID && len(s.cfg.DriftEpost) > 0 {
		return s.cfg.DriftEpost, nil
	}
	return s.Organisasjon.TekniskEpost(ctx, tx, org)
}

func alleVarslet(ctx context.Context, q store.Queryer) (map[nokkel]varslet, error) {
	rows, err := q.QueryContext(ctx, `SELECT slag, id, utloper, dager FROM utlop_varslet`)
	if err != nil {
		return nil, fmt.Errorf("reading what was told: %w", err)
	}
	defer rows.Close()
	ut := map[nokkel]varslet{}
	for rows.Next() {
		var n nokkel
		var v varslet
		if err := rows.Scan(&n.slag, &n.id, &v.utloper, &v.dager); err != nil {
			return nil, fmt.Errorf("reading what was told: %w", err)
		}
		ut[n] = v
	}
	return ut, rows.Err()
}

// rydd forgets what was told of things that are no more.
func rydd(ctx context.Context, tx *store.Tx, ps []Post) error {
	alle, err := alleVarslet(ctx, tx)
	if err != nil {
		return err
	}
	for _, p := range ps {
		delete(alle, nokkel{p.Slag, p.ID})
	}
	for n := range alle {
		if _, err := tx.ExecContext(ctx, `DELETE FROM utlop_varslet WHERE slag = $1 AND id = $2`, string(n.slag), n.id); err != nil {
			return fmt.Errorf("forgetting a warning: %w", err)
		}
	}
	return nil
}

// ord are the words of a kind: hva names what ends, and raad says what to do.
var ord = map[Slag]struct{ hva, raad string }{
	FiksIOSertifikat: {"Sertifikatet til Fiks IO-kontoen «%s»",
		"Last opp et nytt sertifikat for kontoen, og legg inn den tilhørende private nøkkelen i fagsystemet. Uten gyldig sertifikat kan ingen sende til kontoen."},
	SvarInnSertifikat: {"Sertifikatet til mottakersystemet «%s» i SvarInn",
		"Last opp et nytt sertifikat på fanen Service, og legg inn den tilhørende private nøkkelen i fagsystemet."},
	Passord: {"Det gamle passordet til integrasjonen «%s»",
		"Legg inn det nye passordet i alle systemer som bruker integrasjonen. Er det borte, må dere lage et nytt."},
	Plattformnokkel: {"Plattformens nøkkel «%s»", "Lag en ny nøkkel med knutepunkt keys rotate, og gi beskjed til dem som krypterer til den."},
	Altinn:          {"Sertifikatet for «%s»", "Bestill et nytt virksomhetssertifikat, registrer det i Maskinporten, og legg det inn i konfigurasjonen."},
	Annet:           {"«%s»", "Forny det før det utløper."},
}

// brev writes the e-mail: what ends when, each with what to do.
func (s *Service) brev(org string, ps []Post, naa time.Time) (emne, tekst string) {
	var b strings.Builder
	b.WriteString("Dette utløper, eller har utløpt:\n")
	for _, p := range ps {
		o, ok := ord[p.Slag]
		if !ok {
			o = ord[Annet]
		}
		fmt.Fprintf(&b, "\n- "+o.hva+" %s.\n  %s\n", p.Navn, frist(naa, p.Utloper), o.raad)
	}
	if s.cfg.BaseURL != "" && org != s.cfg.PlattformOrgID {
		fmt.Fprintf(&b, "\nAlt som utløper, står i Forvaltning: %s/forvaltning/%s\n", s.cfg.BaseURL, org)
	}
	switch forst := ps[0]; { // they are in the order of their ends
	case len(ps) == 1:
		emne = "Fiks: et sertifikat eller passord " + frist(naa, forst.Utloper)
	case naa.Before(forst.Utloper):
		emne = fmt.Sprintf("Fiks: %d sertifikater eller passord utløper snart", len(ps))
	default:
		emne = fmt.Sprintf("Fiks: %d sertifikater eller passord utløper eller har utløpt", len(ps))
	}
	return emne, b.String()
}

// frist says when something ends.
func frist(naa, t time.Time) string {
	naar := klokke.Oslo(t).Format("02.01.2006 kl. 15:04")
	switch d := dagerTil(naa, t); {
	case !naa.Before(t):
		return "utløp " + naar
	case d == 0:
		return "utløper i dag, " + naar
	case d == 1:
		return "utløper i morgen, " + naar
	default:
		return fmt.Sprintf("utløper om %d dager, %s", d, naar)
	}
}
