package organisasjon

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"time"

	"knutepunkt/internal/audit"
	"knutepunkt/internal/auth"
	"knutepunkt/internal/feil"
	"knutepunkt/internal/store"
)

// KrevAvtaler makes agreements needed from now on: no service is taken into use,
// or switched on, without the hovedavtale and its own tjenestevedlegg in their
// current versions. What is in use goes on. Called once, before anything is
// served; a house that does not call it needs none. The error lists what is
// wrong with k.
func (s *Service) KrevAvtaler(k Avtalekonfig) error {
	if err := k.Valider(); err != nil {
		return err
	}
	s.avtaler = &k
	return nil
}

// avtaleplikt tells whether an organisation needs agreements here.
func (s *Service) avtaleplikt(fiksOrgID string) bool {
	return s.avtaler != nil && !slices.Contains(s.avtaler.Uten, fiksOrgID)
}

// KrevAvtale refuses to activate a service (by the type of its ressurs) for an
// organisation that has not accepted the current hovedavtale and tjenestevedlegg:
// feil.Ugyldig with errorCode AVTALE_MANGLER, naming what is missing. TaIBruk asks
// it, and whatever else switches a service on.
func (s *Service) KrevAvtale(ctx context.Context, q store.Queryer, fiksOrgID, ressursType string) error {
	if !s.avtaleplikt(fiksOrgID) {
		return nil
	}
	alle, err := s.avtalerFor(ctx, q, fiksOrgID)
	if err != nil {
		return err
	}
	var mangler []Avtale
	navn := "Tjenesten"
	for _, a := range alle {
		if a.RessursType == ressursType {
			navn = a.Tjeneste
		}
		if a.Status != AvtaleInngatt && (a.Kode == Hovedavtale || a.RessursType == ressursType) {
			mangler = append(mangler, a)
		}
	}
	if len(mangler) > 0 {
		return avtalerMangler(navn, mangler)
	}
	return nil
}

// Avtaler lists the hovedavtale and all tjenestevedlegg, with how far an
// organisation has come with each; none where none is needed. feil.IkkeFunnet.
func (s *Service) Avtaler(ctx context.Context, fiksOrgID string) ([]Avtale, error) {
	if _, err := s.Organisasjon(ctx, fiksOrgID); err != nil || !s.avtaleplikt(fiksOrgID) {
		return nil, err
	}
	return s.avtalerFor(ctx, s.db.Read(), fiksOrgID)
}

func (s *Service) avtalerFor(ctx context.Context, q store.Queryer, fiksOrgID string) ([]Avtale, error) {
	godtatt, err := s.godkjenninger(ctx, q, fiksOrgID)
	if err != nil {
		return nil, err
	}
	ut := make([]Avtale, len(avtaleslagene))
	for i, slag := range avtaleslagene {
		t := s.avtaler.tekst(slag.kode)
		a := Avtale{Kode: slag.kode, RessursType: slag.ressursType, Tjeneste: slag.navn, Versjon: t.Versjon, URL: t.URL, Status: AvtaleManglerStatus}
		for _, g := range godtatt { // the newest first
			if g.Avtale != slag.kode {
				continue
			}
			if a.Sist == nil {
				a.Sist, a.Status = &g, AvtaleFornyes
			}
			if g.Versjon == t.Versjon {
				a.Status = AvtaleInngatt
			}
		}
		ut[i] = a
	}
	return ut, nil
}

// Godkjenninger lists every version of every agreement that was accepted for an
// organisation, the newest first.
func (s *Service) Godkjenninger(ctx context.Context, fiksOrgID string) ([]Godkjenning, error) {
	return s.godkjenninger(ctx, s.db.Read(), fiksOrgID)
}

// Godta accepts one version of an agreement for one organisation: each of several
// that the same administrator serves has its own. av must be a person, logged in
// at level 4, with ADMIN on the organisation: feil.IngenTilgang. Of g count
// Avtale, the Versjon and Sprak that were shown, and Navn, of the person (""; the
// organisation's register is asked). feil.Konflikt when that version is not the
// current one any more, or when a tjenestevedlegg comes before the hovedavtale.
// Again is nothing new. Audited, and in the change log. feil.IkkeFunnet, feil.Ugyldig.
func (s *Service) Godta(ctx context.Context, tx *store.Tx, av auth.Caller, fiksOrgID string, g Godkjenning) error {
	if av.Slag != auth.Person || av.Niva < 4 {
		return feil.Ny(feil.IngenTilgang, "Avtaler godtas av en person som er logget inn på sikkerhetsnivå 4")
	}
	if _, err := enOrganisasjon(ctx, tx, "id", fiksOrgID); err != nil {
		return err
	}
	nokkel, _, err := s.aktorNokkel(av.Fnr)
	if err != nil {
		return err
	}
	ja, err := har(ctx, tx, nokkel, auth.Admin, auth.Admin, fiksOrgID)
	switch {
	case err != nil:
		return fmt.Errorf("looking up an administrator: %w", err)
	case !ja:
		return feil.Ny(feil.IngenTilgang, "Avtaler godtas av en administrator i organisasjonen")
	case !s.avtaleplikt(fiksOrgID):
		return feil.Ny(feil.Ugyldig, "Organisasjonen trenger ingen avtaler her")
	case !slices.Contains(avtalesprak, g.Sprak):
		return feil.Ny(feil.Ugyldig, "Avtalen finnes ikke på det språket")
	}
	alle, err := s.avtalerFor(ctx, tx, fiksOrgID)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(alle, func(a Avtale) bool { return a.Kode == g.Avtale })
	switch {
	case i < 0:
		return ikkeFunnet("Avtalen")
	case alle[i].Versjon != g.Versjon:
		return feil.Ny(feil.Konflikt, "Avtalen har kommet i en ny versjon siden den ble vist. Les den, og godta på nytt")
	case g.Avtale != Hovedavtale && alle[0].Status != AvtaleInngatt:
		return feil.Ny(feil.Konflikt, "Godta hovedavtalen først. Tjenestevedlegget er et vedlegg til den")
	}
	aktor, navn, err := s.av(ctx, tx, fiksOrgID, av)
	if err != nil {
		return err
	}
	return s.godta(ctx, tx, av, fiksOrgID, alle[i], Godkjenning{Fnr: aktor, Navn: cmp.Or(g.Navn, navn), Sprak: g.Sprak})
}

// GodtaAlle accepts the current version of every agreement for an organisation
// without anybody having read them: for seeding sandboxes and tests only. Nothing
// where none is needed.
func (s *Service) GodtaAlle(ctx context.Context, tx *store.Tx, fiksOrgID string) error {
	if !s.avtaleplikt(fiksOrgID) {
		return nil
	}
	alle, err := s.avtalerFor(ctx, tx, fiksOrgID)
	if err != nil {
		return err
	}
	for _, a := range alle {
		if err := s.godta(ctx, tx, auth.From(ctx), fiksOrgID, a, Godkjenning{Sprak: avtalesprak[0]}); err != nil {
			return err
		}
	}
	return nil
}

// godkjenningsinnhold is what is sealed of a Godkjenning.
type godkjenningsinnhold struct {
	Fnr    string `json:"fnr,omitempty"`
	Navn   string `json:"navn,omitempty"`
	Sprak  string `json:"sprak"`
	URL    string `json:"url,omitempty"`
	SHA256 string `json:"sha256,omitempty"`
}

func stedGodkjenning(org, avtale, versjon string) string {
	return "organisasjon.avtale:" + org + ":" + avtale + ":" + versjon
}

func (s *Service) godta(ctx context.Context, tx *store.Tx, av auth.Caller, fiksOrgID string, a Avtale, g Godkjenning) error {
	i := godkjenningsinnhold{Fnr: g.Fnr, Navn: g.Navn, Sprak: g.Sprak, URL: a.URL}
	if a.URL == "" {
		tekst, err := AvtaleTekst(a.Kode, g.Sprak)
		if err != nil {
			return err
		}
		sum := sha256.Sum256([]byte(tekst))
		i.SHA256 = hex.EncodeToString(sum[:])
	}
	innhold, err := s.forsegl(stedGodkjenning(fiksOrgID, a.Kode, a.Versjon), i)
	if err != nil {
		return err
	}
	ny, err := rowsAffected(tx.ExecContext(ctx, `INSERT INTO avtaler_godtatt (fiks_org, avtale, versjon, tidspunkt, innhold) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT DO NOTHING`, fiksOrgID, a.Kode, a.Versjon, store.Micros(s.klokke.Now()), innhold))
	if err != nil || !ny {
		return err
	}
	forrige := ""
	if a.Sist != nil {
		forrige = a.Sist.Versjon
	}
	if err := s.NoterEndring(ctx, tx, fiksOrgID, Endring{Av: g.Fnr, AvNavn: g.Navn, Hva: "AVTALE_GODTATT",
		Felt: []Feltendring{{Felt: a.Kode, For: forrige, Etter: a.Versjon}}}); err != nil {
		return err
	}
	return s.logg(ctx, tx, audit.Hendelse{Principal: av, FiksOrg: fiksOrgID, Tjeneste: cmp.Or(a.RessursType, TypeOrganisasjon),
		Handling: "AVTALE_GODTATT", Payload: a.Kode + " " + a.Versjon})
}

func (s *Service) godkjenninger(ctx context.Context, q store.Queryer, fiksOrgID string) ([]Godkjenning, error) {
	rows, err := q.QueryContext(ctx, `SELECT avtale, versjon, tidspunkt, innhold FROM avtaler_godtatt
		WHERE fiks_org = $1 ORDER BY tidspunkt DESC, avtale, versjon DESC`, fiksOrgID)
	if err != nil {
		return nil, fmt.Errorf("reading agreements: %w", err)
	}
	defer rows.Close()
	var ut []Godkjenning
	for rows.Next() {
		var g Godkjenning
		var tidspunkt int64
		var forseglet []byte
		if err := rows.Scan(&g.Avtale, &g.Versjon, &tidspunkt, &forseglet); err != nil {
			return nil, fmt.Errorf("reading agreements: %w", err)
		}
		var i godkjenningsinnhold
		if err := s.apne(stedGodkjenning(fiksOrgID, g.Avtale, g.Versjon), forseglet, &i); err != nil {
			return nil, err
		}
		g.Tidspunkt, g.Fnr, g.Navn, g.Sprak, g.URL, g.SHA256 = store.Time(tidspunkt), i.Fnr, i.Navn, i.Sprak, i.URL, i.SHA256
		ut = append(ut, g)
	}
	return ut, rows.Err()
}

// stand is how far an organisation has come with what is asked of all.
type stand struct {
	satt        bool      // the first-time set-up is stored
	hovedavtale time.Time // when it was first accepted; zero: never
}

// stander reads that of all organisations.
func stander(ctx context.Context, q store.Queryer) (map[string]stand, error) {
	rows, err := q.QueryContext(ctx, `SELECT o.id, CASE WHEN s.fiks_org IS NULL THEN 0 ELSE 1 END,
		(SELECT COALESCE(MIN(a.tidspunkt), 0) FROM avtaler_godtatt a WHERE a.fiks_org = o.id AND a.avtale = $1)
		FROM organisasjoner o LEFT JOIN organisasjon_oppsett s ON s.fiks_org = o.id`, Hovedavtale)
	if err != nil {
		return nil, fmt.Errorf("reading what organisations have set up: %w", err)
	}
	defer rows.Close()
	ut := map[string]stand{}
	for rows.Next() {
		var id string
		var satt, inngatt int64
		if err := rows.Scan(&id, &satt, &inngatt); err != nil {
			return nil, fmt.Errorf("reading what organisations have set up: %w", err)
		}
		ut[id] = stand{satt == 1, store.Time(inngatt)}
	}
	return ut, rows.Err()
}
