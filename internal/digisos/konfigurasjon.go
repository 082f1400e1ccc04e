package digisos

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/google/uuid"

	"knutepunkt/internal/audit"
	"knutepunkt/internal/dokumentlager"
	"knutepunkt/internal/feil"
	"knutepunkt/internal/organisasjon"
	"knutepunkt/internal/store"
)

// KommuneKonfigurasjon is what a municipality's administrator decides (§1.11).
type KommuneKonfigurasjon struct {
	StotterOppdateringer               bool        `json:"stotterOppdateringer"`
	Aktivert                           bool        `json:"aktivert"`
	MidlertidigDeaktivertOppdateringer bool        `json:"midlertidigDeaktivertOppdateringer"`
	MidlertidigDeaktivertMottak        bool        `json:"midlertidigDeaktivertMottak"`
	BrukerFiksIO                       bool        `json:"brukerFiksIO"`
	FiksIOKontoID                      string      `json:"fiksIOKontoId,omitempty"`
	OrganisasjonsnummerSvarUt          string      `json:"organisasjonsnummerSvarUt"`
	Postadresse                        Postadresse `json:"postadresse"`
	Kontaktpersoner                    Kontakter   `json:"kontaktpersoner"`
	NksTilgang                         bool        `json:"nksTilgang"`
	Behandlingsansvarlig               string      `json:"behandlingsansvarlig,omitempty"`
}

// EksisterendeKommuneKonfigurasjon is what GET answers.
type EksisterendeKommuneKonfigurasjon struct {
	DokumentlagerKontoID string `json:"dokumentlagerKontoId"`
	KommuneKonfigurasjon
}

// Postadresse is where SvarUt sends on paper when no machine took the forsendelse.
type Postadresse struct {
	Navn          string `json:"navn"`
	Adresselinje1 string `json:"adresselinje1,omitempty"`
	Adresselinje2 string `json:"adresselinje2,omitempty"`
	Adresselinje3 string `json:"adresselinje3,omitempty"`
	Postnummer    string `json:"postnummer"`
	Poststed      string `json:"poststed"`
	Land          string `json:"land,omitempty"`
}

// Kontakter are the municipality's e-mail addresses.
type Kontakter struct {
	FagansvarligEpost     []string `json:"fagansvarligEpost"`
	TekniskAnsvarligEpost []string `json:"tekniskAnsvarligEpost"`
}

// KommuneInfo is what NAV sees of a configuration (§1.7).
type KommuneInfo struct {
	Kommunenummer                         string     `json:"kommunenummer"`
	KanMottaSoknader                      bool       `json:"kanMottaSoknader"`
	KanOppdatereStatus                    bool       `json:"kanOppdatereStatus"`
	HarMidlertidigDeaktivertMottak        bool       `json:"harMidlertidigDeaktivertMottak"`
	HarMidlertidigDeaktivertOppdateringer bool       `json:"harMidlertidigDeaktivertOppdateringer"`
	Kontaktpersoner                       *Kontakter `json:"kontaktpersoner"`
	HarNksTilgang                         bool       `json:"harNksTilgang"`
	Behandlingsansvarlig                  *string    `json:"behandlingsansvarlig"`
}

// konfigurasjon is a stored configuration with whose it is.
type konfigurasjon struct {
	KommuneKonfigurasjon
	FiksOrgID, Kommunenummer, KontoID string
	Slettet                           bool // only KontoID and the two ids count
	// Versjon is another one after each change: a digest of the sealed bytes,
	// which are never the same twice.
	Versjon    string
	Avstemming Avstemmingsoppsett
}

func (k konfigurasjon) kommuneInfo() KommuneInfo {
	i := KommuneInfo{
		Kommunenummer:                         k.Kommunenummer,
		KanMottaSoknader:                      k.Aktivert,
		KanOppdatereStatus:                    k.StotterOppdateringer,
		HarMidlertidigDeaktivertMottak:        k.MidlertidigDeaktivertMottak,
		HarMidlertidigDeaktivertOppdateringer: k.MidlertidigDeaktivertOppdateringer,
		HarNksTilgang:                         k.NksTilgang,
		Kontaktpersoner:                       &k.Kontaktpersoner,
	}
	if k.Behandlingsansvarlig != "" {
		i.Behandlingsansvarlig = &k.Behandlingsansvarlig
	}
	return i
}

// Validate checks what can be seen in the configuration itself; feil.Ugyldig
// names the first field that is wrong.
func (k *KommuneKonfigurasjon) Validate() error {
	p := &k.Postadresse
	for _, f := range []struct {
		navn, verdi string
		maks        int
		paakrevd    bool
	}{
		{"behandlingsansvarlig", k.Behandlingsansvarlig, 100, false},
		{"postadresse.navn", p.Navn, 100, true},
		{"postadresse.adresselinje1", p.Adresselinje1, 254, false},
		{"postadresse.adresselinje2", p.Adresselinje2, 254, false},
		{"postadresse.adresselinje3", p.Adresselinje3, 254, false},
		{"postadresse.postnummer", p.Postnummer, 30, true},
		{"postadresse.poststed", p.Poststed, 100, true},
		{"postadresse.land", p.Land, 100, false},
	} {
		switch {
		case f.paakrevd && strings.TrimSpace(f.verdi) == "":
			return feil.Ny(feil.Ugyldig, "%s mangler", f.navn)
		case utf8.RuneCountInString(f.verdi) > f.maks:
			return feil.Ny(feil.Ugyldig, "%s er lengre enn %d tegn", f.navn, f.maks)
		}
	}
	if !orgnrForm.MatchString(k.OrganisasjonsnummerSvarUt) {
		return feil.Ny(feil.Ugyldig, "organisasjonsnummerSvarUt må ha 9 siffer")
	}
	for _, f := range []struct {
		navn  string
		epost []string
	}{
		{"fagansvarligEpost", k.Kontaktpersoner.FagansvarligEpost},
		{"tekniskAnsvarligEpost", k.Kontaktpersoner.TekniskAnsvarligEpost},
	} {
		if len(f.epost) == 0 || len(f.epost) > 100 {
			return feil.Ny(feil.Ugyldig, "kontaktpersoner.%s må ha 1 til 100 adresser", f.navn)
		}
		for _, e := range f.epost {
			if e == "" || len(e) > 254 || strings.ContainsFunc(e, func(c rune) bool { return c < ' ' || c == 0x7f }) {
				return feil.Ny(feil.Ugyldig, "kontaktpersoner.%s har en ugyldig adresse", f.navn)
			}
		}
	}
	if k.BrukerFiksIO && k.FiksIOKontoID == "" {
		return feil.Ny(feil.Ugyldig, "fiksIOKontoId mangler, og brukerFiksIO er satt")
	}
	if k.FiksIOKontoID != "" {
		id, err := gyldigUUID("fiksIOKontoId", k.FiksIOKontoID)
		if err != nil {
			return err
		}
		k.FiksIOKontoID = id
	}
	return nil
}

// valider checks also that the Fiks IO konto can take Digisos messages.
func (s *Service) valider(ctx context.Context, k *KommuneKonfigurasjon) error {
	if err := k.Validate(); err != nil || !k.BrukerFiksIO {
		return err
	}
	ok, err := s.FiksIO.StotterProtokoll(ctx, k.FiksIOKontoID, Protokoll)
	if err != nil && !feil.Er(err, feil.IkkeFunnet) {
		return fmt.Errorf("checking the Fiks IO konto: %w", err)
	}
	if !ok {
		return feil.Ny(feil.Ugyldig, "Fiks IO-kontoen finnes ikke, eller har ingen aktiv adresse med protokollen %s", Protokoll)
	}
	return nil
}

// OpprettKonfigurasjon stores a municipality's first configuration and makes
// its dokumentlager konto. feil.Ugyldig when one exists, the organisation is no
// municipality, or the configuration is not valid; with errorCode AVTALE_MANGLER
// when an agreement is missing (organisasjon.KrevAvtale).
func (s *Service) OpprettKonfigurasjon(ctx context.Context, fiksOrgID string, k KommuneKonfigurasjon) error {
	if err := s.valider(ctx, &k); err != nil {
		return err
	}
	org, err := s.Organisasjon.Organisasjon(ctx, fiksOrgID)
	if err != nil {
		return err
	}
	if !kommunenummerForm.MatchString(org.Kommunenummer) {
		return feil.Ny(feil.Ugyldig, "Organisasjonen har ikke noe kommunenummer")
	}
	innhold, err := s.forseglKonfigurasjon(org.ID, k)
	if err != nil {
		return err
	}
	return s.DB.Write(ctx, func(tx *store.Tx) error {
		gammel, err := s.lesKonfigurasjon(ctx, tx, "fiks_org_id", org.ID)
		switch {
		case err == nil && !gammel.Slettet:
			return feil.Ny(feil.Ugyldig, "Kommunen har allerede en konfigurasjon for Fiks Digisos")
		case err == nil: // configured again: its documents are still in the old konto
			err = s.settKonfigurasjon(ctx, tx, org.ID, innhold)
		case feil.Er(err, feil.IkkeFunnet):
			err = s.nyKonfigurasjon(ctx, tx, org, innhold)
		}
		if err == nil {
			err = s.kanAktiveres(ctx, tx, org.ID, false, k.Aktivert)
		}
		if err != nil {
			return err
		}
		return s.logg(ctx, tx, audit.Hendelse{FiksOrg: org.ID, Handling: "DIGISOS_KONFIGURASJON_OPPRETTET"})
	})
}

func (s *Service) nyKonfigurasjon(ctx context.Context, tx *store.Tx, org organisasjon.Organisasjon, innhold []byte) error {
	if _, err := s.Organisasjon.TaIBruk(ctx, tx, org.ID, organisasjon.TypeDigisos); err != nil {
		return fmt.Errorf("taking Digisos into use: %w", err)
	}
	konto, err := s.Dokumentlager.OpprettKonto(ctx, tx, dokumentlager.Konto{ID: uuid.NewString(), FiksOrgID: org.ID, Navn: "Fiks Digisos", Tjenestens: true})
	if err != nil {
		return fmt.Errorf("making the dokumentlager konto: %w", err)
	}
	if _, err := tx.ExecContext(ctx, `INSERT INTO digisos_konfigurasjon (fiks_org_id, kommunenummer, dokumentlager_konto_id, innhold)
		VALUES ($1,$2,$3,$4)`, org.ID, org.Kommunenummer, konto.ID, innhold); err != nil {
		return fmt.Errorf("storing the configuration of %s: %w", org.ID, err)
	}
	return nil
}

func (s *Service) settKonfigurasjon(ctx context.Context, tx *store.Tx, fiksOrgID string, innhold []byte) error {
	if _, err := tx.ExecContext(ctx, `UPDATE digisos_konfigurasjon SET innhold = $2 WHERE fiks_org_id = $1`, fiksOrgID, innhold); err != nil {
		return fmt.Errorf("storing the configuration of %s: %w", fiksOrgID, err)
	}
	return nil
}

// kanAktiveres asks for the agreements when the reception of søknader is
// switched on; what is on goes on.
func (s *Service) kanAktiveres(ctx context.Context, tx *store.Tx, fiksOrgID string, sto, skal bool) error {
	if sto || !skal {
		return nil
	}
	return s.Organisasjon.KrevAvtale(ctx, tx, fiksOrgID, organisasjon.TypeDigisos)
}

// EndreKonfigurasjon replaces a configuration; feil.IkkeFunnet, feil.Ugyldig,
// which has errorCode AVTALE_MANGLER when it is switched on without its agreements.
func (s *Service) EndreKonfigurasjon(ctx context.Context, fiksOrgID string, k KommuneKonfigurasjon) (KommuneKonfigurasjon, error) {
	if err := s.valider(ctx, &k); err != nil {
		return k, err
	}
	innhold, err := s.forseglKonfigurasjon(fiksOrgID, k)
	if err != nil {
		return k, err
	}
	_, err = s.skrivOver(ctx, fiksOrgID, "", innhold, k.Aktivert, "DIGISOS_KONFIGURASJON_ENDRET")
	return k, err
}

// EndreKonfigurasjonFra is EndreKonfigurasjon for whoever looked at the version
// before deciding; feil.Konflikt when somebody has changed it since.
func (s *Service) EndreKonfigurasjonFra(ctx context.Context, fiksOrgID, versjon string, k KommuneKonfigurasjon) error {
	if err := s.valider(ctx, &k); err != nil {
		return err
	}
	innhold, err := s.forseglKonfigurasjon(fiksOrgID, k)
	if err != nil {
		return err
	}
	_, err = s.skrivOver(ctx, fiksOrgID, versjon, innhold, k.Aktivert, "DIGISOS_KONFIGURASJON_ENDRET")
	return err
}

// SlettKonfigurasjon removes a configuration and gives what it was; feil.IkkeFunnet.
// Cases and their documents stay. feil.Ugyldig while something is not delivered, or a gap.
func (s *Service) SlettKonfigurasjon(ctx context.Context, fiksOrgID string) (KommuneKonfigurasjon, error) {
	return s.skrivOver(ctx, fiksOrgID, "", nil, false, "DIGISOS_KONFIGURASJON_SLETTET")
}

// skrivOver replaces what is stored, if it is still of the version, where one is
// given. aktivert is what innhold says of it.
func (s *Service) skrivOver(ctx context.Context, fiksOrgID, versjon string, innhold []byte, aktivert bool, handling string) (gammel KommuneKonfigurasjon, err error) {
	err = s.DB.Write(ctx, func(tx *store.Tx) error {
		k, err := s.lesKonfigurasjon(ctx, tx, "fiks_org_id", fiksOrgID)
		if err != nil {
			return err
		}
		if k.Slettet {
			return errIngenKonfigurasjon()
		}
		if versjon != "" && versjon != k.Versjon {
			return feil.Ny(feil.Konflikt, "Konfigurasjonen er endret av noen andre i mellomtiden. Hent den på nytt, og prøv igjen")
		}
		if err := s.kanAktiveres(ctx, tx, fiksOrgID, k.Aktivert, aktivert); err != nil {
			return err
		}
		if innhold == nil {
			// Its contacts are told when a delivery fails, so it stays as long as one can.
			n, err := s.Levering.Uferdige(ctx, tx, fiksOrgID)
			if err != nil {
				return err
			}
			if n > 0 {
				return feil.Ny(feil.Ugyldig, "Kommunen har %d forsendelser som ikke er levert. "+
					"Slå av mottaket (aktivert) i stedet, og slett konfigurasjonen når alt er levert", n)
			}
			if n, err = antallAvvik(ctx, tx, `u.fiks_org_id = $1`, fiksOrgID); err != nil {
				return err
			}
			if n > 0 {
				return feil.Ny(feil.Ugyldig, "Kommunen har %d forsendelser som er levert, men ikke meldt registrert. Meld dem først, eller slå av avstemmingen", n)
			}
		}
		gammel = k.KommuneKonfigurasjon
		if err := s.settKonfigurasjon(ctx, tx, fiksOrgID, innhold); err != nil {
			return err
		}
		return s.logg(ctx, tx, audit.Hendelse{FiksOrg: fiksOrgID, Handling: handling})
	})
	return gammel, err
}

// Konfigurasjon finds a municipality's configuration; feil.IkkeFunnet.
func (s *Service) Konfigurasjon(ctx context.Context, fiksOrgID string) (EksisterendeKommuneKonfigurasjon, error) {
	k, err := s.lesKonfigurasjon(ctx, s.DB.Read(), "fiks_org_id", fiksOrgID)
	if err == nil && k.Slettet {
		err = errIngenKonfigurasjon()
	}
	return EksisterendeKommuneKonfigurasjon{k.KontoID, k.KommuneKonfigurasjon}, err
}

// KonfigurasjonMedVersjon is Konfigurasjon with the version that
// EndreKonfigurasjonFra wants.
func (s *Service) KonfigurasjonMedVersjon(ctx context.Context, fiksOrgID string) (KommuneKonfigurasjon, string, error) {
	k, err := s.lesKonfigurasjon(ctx, s.DB.Read(), "fiks_org_id", fiksOrgID)
	if err == nil && k.Slettet {
		err = errIngenKonfigurasjon()
	}
	return k.KommuneKonfigurasjon, k.Versjon, err
}

// Kommuner lists the municipalities that have a configuration, by number.
func (s *Service) Kommuner(ctx context.Context) ([]KommuneInfo, error) {
	rows, err := s.DB.Read().QueryContext(ctx, `SELECT `+konfigurasjonKolonner+`
		FROM digisos_konfigurasjon WHERE innhold IS NOT NULL ORDER BY kommunenummer`)
	if err != nil {
		return nil, fmt.Errorf("listing configurations: %w", err)
	}
	defer rows.Close()
	ut := []KommuneInfo{}
	for rows.Next() {
		k, err := s.scanKonfigurasjon(rows)
		if err != nil {
			return nil, err
		}
		ut = append(ut, k.kommuneInfo())
	}
	return ut, rows.Err()
}

// Kommune finds what NAV sees of one municipality; feil.IkkeFunnet.
func (s *Service) Kommune(ctx context.Context, kommunenummer string) (KommuneInfo, error) {
	k, err := s.lesKonfigurasjon(ctx, s.DB.Read(), "kommunenummer", kommunenummer)
	if err == nil && k.Slettet {
		err = errIngenKonfigurasjon()
	}
	return k.kommuneInfo(), err
}

func errIngenKonfigurasjon() error {
	return feil.Ny(feil.IkkeFunnet, "Kommunen har ingen konfigurasjon for Fiks Digisos")
}

const konfigurasjonKolonner = `fiks_org_id, kommunenummer, dokumentlager_konto_id, innhold, avstemming_paa, avstemming_fra`

// lesKonfigurasjon finds a configuration, also a deleted one, by a column;
// feil.IkkeFunnet when the municipality never had one.
func (s *Service) lesKonfigurasjon(ctx context.Context, q store.Queryer, kolonne, verdi string) (konfigurasjon, error) {
	return s.scanKonfigurasjon(q.QueryRowContext(ctx, `SELECT `+konfigurasjonKolonner+`
		FROM digisos_konfigurasjon WHERE `+kolonne+` = $1`, verdi))
}

type rad interface{ Scan(...any) error }

func (s *Service) scanKonfigurasjon(r rad) (k konfigurasjon, err error) {
	var innhold []byte
	var fra int64
	err = r.Scan(&k.FiksOrgID, &k.Kommunenummer, &k.KontoID, &innhold, &k.Avstemming.Paa, &fra)
	if errors.Is(err, sql.ErrNoRows) {
		return k, errIngenKonfigurasjon()
	} else if err != nil {
		return k, fmt.Errorf("reading a configuration: %w", err)
	}
	k.Avstemming.Fra = store.Time(fra)
	if innhold == nil {
		k.Slettet = true
		return k, nil
	}
	sum := sha256.Sum256(innhold)
	k.Versjon = hex.EncodeToString(sum[:16])
	if err := s.apne(stedKonfigurasjon(k.FiksOrgID), innhold, &k.KommuneKonfigurasjon); err != nil {
		return k, fmt.Errorf("configuration of %s: %w", k.FiksOrgID, err)
	}
	return k, nil
}

func (s *Service) forseglKonfigurasjon(fiksOrgID string, k KommuneKonfigurasjon) ([]byte, error) {
	return s.forsegl(stedKonfigurasjon(fiksOrgID), k)
}

// forsegl encodes and seals a column, apne reads it back.
func (s *Service) forsegl(sted string, v any) ([]byte, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("encoding: %w", err)
	}
	return s.Ring.Seal(sted, b)
}

func (s *Service) apne(sted string, forseglet []byte, v any) error {
	b, err := s.Ring.Open(sted, forseglet)
	if err != nil {
		return fmt.Errorf("opening: %w", err)
	}
	return json.Unmarshal(b, v)
}
