package sandbox

import (
	"context"
	"crypto/rsa"
	"crypto/x509"
	"embed"
	"encoding/pem"
	"errors"
	"fmt"

	"github.com/google/uuid"

	"knutepunkt/internal/app"
	"knutepunkt/internal/auth"
	"knutepunkt/internal/digisos"
	"knutepunkt/internal/feil"
	"knutepunkt/internal/fiksio"
	"knutepunkt/internal/keys"
	"knutepunkt/internal/klokke"
	"knutepunkt/internal/organisasjon"
	"knutepunkt/internal/sandbox/utsteder"
	"knutepunkt/internal/store"
	"knutepunkt/internal/svarut/svarinn"
)

// kommune is a made-up municipality. Its numbers are assigned to nobody.
type kommune struct {
	Nummer, Navn, Orgnr string
	FiksIO              bool   // its Digisos channel; else SvarUt
	NKS                 bool   // nksTilgang
	Fagsystem           string // org.nr of whoever operates its fagsystem
	Enhet               string // NAVENHET_ID that its konto is found by as well; "" for none
	Bydeler             []Bydel
}

// Organisations beside the kommuner.
const (
	orgnrNAV        = "310000108"
	orgnrLeverandor = "310000175"
)

var (
	orgNAV         = fastID("organisasjon", "nav")
	orgLeverandor  = fastID("organisasjon", "leverandor")
	orgPlattform   = fastID("organisasjon", "plattform")
	integrasjonNAV = fastID("integrasjon", "nav")
)

// kommuner are in the order of sandbox.json. The third is the one whose
// fagsystem never answers; nothing in the sandbox answers for the others either,
// unless a client does.
var kommuner = []kommune{
	{Nummer: "9901", Navn: "Fjordvik", Orgnr: "310000248", FiksIO: true, NKS: true, Fagsystem: "310000248"},
	{Nummer: "9902", Navn: "Skogby", Orgnr: "310000310", NKS: true, Fagsystem: "310000310"},
	{Nummer: "9903", Navn: "Stilledal", Orgnr: "310000388", FiksIO: true, NKS: true, Fagsystem: "310000388"},
	{Nummer: "9904", Navn: "Storby", Orgnr: "310000450", FiksIO: true, NKS: true, Fagsystem: "310000450", Enhet: "9904",
		Bydeler: []Bydel{
			{Bydelsnummer: "01", Navn: "Sentrum", Mottakerkanal: "FIKS_IO"},
			{Bydelsnummer: "02", Navn: "Nordre", Mottakerkanal: "SVARINN"},
			{Bydelsnummer: "03", Navn: "Søndre", Mottakerkanal: "MANUELL_MOTTAK"},
		}},
	{Nummer: "9905", Navn: "Lillevik", Orgnr: "310000523", FiksIO: true, Fagsystem: orgnrLeverandor},
}

// nykommune has set up nothing yet: the administrator can try that. It is not in
// sandbox.json, since it has no fagsystem.
var nykommune = kommune{Nummer: "9906", Navn: "Nyvik", Orgnr: "310000590"}

// personer are synthetic: the month is 80 too high, which is given to nobody.
var personer = []Testperson{
	{"01818110185", "Kari Fjordheim", []string{"INNBYGGER"}},
	{"14837521026", "Ola Skogstad", []string{"INNBYGGER"}},
	{"23919233184", "Áile Sara", []string{"INNBYGGER"}},
	{"05866840573", "Per Ødegård", []string{"INNBYGGER"}},
	{"30898812045", "Ingrid Dal", []string{"INNBYGGER"}},
	{"09840160146", "Amir Haddad", []string{"INNBYGGER"}},
	{"17929945573", "Berit Administrator", []string{"ADMINISTRATOR"}},
}

// fastID is an id that is the same in every sandbox.
func fastID(slag, navn string) string {
	return uuid.NewSHA1(uuid.NameSpaceURL, []byte("knutepunkt:sandbox:"+slag+":"+navn)).String()
}

// passord is fixed, and long enough to be taken for a machine's secret.
func passord(hvem string) string { return "sandkasse-" + hvem + "-dette-er-ikke-hemmelig" }

func (k kommune) orgID() string         { return fastID("organisasjon", k.Nummer) }
func (k kommune) kontoID() string       { return fastID("fiksio-konto", k.Nummer) }
func (k kommune) integrasjonID() string { return fastID("integrasjon", k.Nummer) }
func (k kommune) kanal() string {
	if k.FiksIO {
		return "FIKS_IO"
	}
	return "SVARUT"
}

// nokler are throw-away RSA keys with certificates: making as many anew takes
// seconds. They are public, and worth nothing.
//
//go:embed nokler/*.pem
var nokler embed.FS

type nokkelpar struct {
	key         *rsa.PrivateKey
	cert        *x509.Certificate
	keyPEM, crt []byte
}

func lesNokkelpar(navn string) (n nokkelpar, err error) {
	data, err := nokler.ReadFile("nokler/" + navn + ".pem")
	if err != nil {
		return n, fmt.Errorf("sandbox: reading a built-in key: %w", err)
	}
	kb, rest := pem.Decode(data)
	cb, _ := pem.Decode(rest)
	if kb == nil || cb == nil {
		return n, fmt.Errorf("sandbox: the built-in key %s is not PEM", navn)
	}
	key, err1 := x509.ParsePKCS8PrivateKey(kb.Bytes)
	cert, err2 := x509.ParseCertificate(cb.Bytes)
	if err := errors.Join(err1, err2); err != nil {
		return n, fmt.Errorf("sandbox: the built-in key %s: %w", navn, err)
	}
	n.key, n.cert = key.(*rsa.PrivateKey), cert
	n.keyPEM, n.crt = pem.EncodeToMemory(kb), pem.EncodeToMemory(cb)
	return n, nil
}

// plattformnokler puts the built-in key in the place of those that a platform
// makes for itself at its first start, which would take a second or more.
func plattformnokler(ctx context.Context, dir string, master []byte, k klokke.Klokke) error {
	db, ring, err := app.Grunnlag(ctx, dir, master, k)
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }() // what was written is committed
	har, err := ring.List(ctx)
	if err != nil {
		return fmt.Errorf("sandbox: listing keys: %w", err)
	}
	finnes := map[string]bool{}
	for _, o := range har {
		finnes[o.Formaal] = true
	}
	for _, formaal := range []keys.Formaal{keys.Dokumentlager, keys.Signering} {
		if finnes[string(formaal)] {
			continue
		}
		n, err := lesNokkelpar("plattform")
		if err != nil {
			return err
		}
		if _, err := ring.ImportPlatform(ctx, formaal, n.key, n.cert); err != nil {
			return fmt.Errorf("sandbox: importing the platform's key: %w", err)
		}
	}
	return nil
}

// skrivNokler lays the fagsystemer's keys and certificates in dir/keys.
func skrivNokler(dir string) error {
	for _, k := range kommuner {
		if err := nokkelfil(k.Nummer).skriv(dir); err != nil {
			return err
		}
		if k.harSvarInn() {
			if err := k.svarinnNokkel().skriv(dir); err != nil {
				return err
			}
		}
	}
	return printNokkel.skriv(dir)
}

// fro seeds the platform: what a sandbox has from the first start. It goes on
// after an interrupted start, and changes nothing that was completed before,
// whatever has been done with it since.
func fro(ctx context.Context, a *app.App) error {
	ctx = auth.With(ctx, auth.Caller{Slag: auth.Anonym})
	if ferdig, err := froddFor(ctx, a, integrasjonNAV, orgNAV); err != nil {
		return fmt.Errorf("sandbox: looking for NAV: %w", err)
	} else if !ferdig {
		if err := a.DB.Write(ctx, func(tx *store.Tx) error { return froNAV(ctx, a, tx) }); err != nil {
			return fmt.Errorf("sandbox: seeding NAV: %w", err)
		}
	}
	for _, k := range kommuner {
		if err := froKommune(ctx, a, k); err != nil {
			return fmt.Errorf("sandbox: seeding %s: %w", k.Navn, err)
		}
		if err := froSvarUt(ctx, a, k); err != nil {
			return fmt.Errorf("sandbox: seeding SvarUt of %s: %w", k.Navn, err)
		}
	}
	if err := froNykommune(ctx, a); err != nil {
		return fmt.Errorf("sandbox: seeding %s: %w", nykommune.Navn, err)
	}
	return nil
}

func froNykommune(ctx context.Context, a *app.App) error {
	k := nykommune
	if _, err := a.Org.Organisasjon(ctx, k.orgID()); !feil.Er(err, feil.IkkeFunnet) {
		return err
	}
	// The administrator may register its number in SvarInn.
	if err := a.Roller.Gi(ctx, personer[len(personer)-1].Fnr, k.Orgnr, svarinn.PostArkiv); err != nil {
		return err
	}
	return a.DB.Write(ctx, func(tx *store.Tx) error { return k.opprett(ctx, a, tx) })
}

// opprett makes the kommune's organisation.
func (k kommune) opprett(ctx context.Context, a *app.App, tx *store.Tx) error {
	return nyOrg(ctx, a, tx, organisasjon.Organisasjon{ID: k.orgID(), Navn: k.Navn + " kommune", Type: "KOMMUNE",
		Kommunenummer: k.Nummer, Orgnr: k.Orgnr, Epost: []string{"post@" + k.domene()}})
}

func froNAV(ctx context.Context, a *app.App, tx *store.Tx) error {
	err := errors.Join(
		nyOrg(ctx, a, tx, organisasjon.Organisasjon{ID: orgNAV, Navn: "NAV", Type: "STATLIG_VIRKSOMHET", Orgnr: orgnrNAV}),
		nyOrg(ctx, a, tx, organisasjon.Organisasjon{ID: orgLeverandor, Navn: "Fagsystemleverandøren AS", Type: "LEVERANDOR", Orgnr: orgnrLeverandor}),
		nyIntegrasjon(ctx, a, tx, integrasjonNAV, orgNAV, orgnrNAV, "NAV soknad og innsyn", passord("nav")))
	if err != nil {
		return err
	}
	return a.Org.GiTypeTilgang(ctx, tx, auth.From(ctx), integrasjonNAV, auth.DigisosNAV, organisasjon.TypeDigisos)
}

// errProve rolls a trial back.
var errProve = errors.New("sandbox: only tried")

// froddFor tells whether an integrasjon, the last thing that is seeded of its
// organisation, has been made before: it is there, or it was and is deleted, so
// that its id is taken.
func froddFor(ctx context.Context, a *app.App, id, orgID string) (bool, error) {
	if _, err := a.Org.Integrasjon(ctx, id); !feil.Er(err, feil.IkkeFunnet) {
		return err == nil, err
	}
	err := a.DB.Write(ctx, func(tx *store.Tx) error {
		if err := nyIntegrasjon(ctx, a, tx, id, orgID, orgnrNAV, "prove", passord("prove")); err != nil {
			return err
		}
		return errProve
	})
	switch {
	case errors.Is(err, errProve), feil.Er(err, feil.IkkeFunnet):
		return false, nil
	case feil.Er(err, feil.Konflikt):
		return true, nil
	}
	return false, err
}

func nyOrg(ctx context.Context, a *app.App, tx *store.Tx, o organisasjon.Organisasjon) error {
	if _, err := a.Org.OpprettOrganisasjon(ctx, tx, o); err != nil {
		return err
	}
	if err := a.Org.GodtaAlle(ctx, tx, o.ID); err != nil {
		return err
	}
	// The administrator has ADMIN on every organisation.
	return a.Org.GiTilgang(ctx, tx, auth.From(ctx), personer[len(personer)-1].Fnr, auth.Admin, o.ID)
}

func nyIntegrasjon(ctx context.Context, a *app.App, tx *store.Tx, id, orgID, orgnr, navn, passord string) error {
	_, err := a.Org.OpprettIntegrasjon(ctx, tx, organisasjon.Integrasjon{ID: id, FiksOrgID: orgID, AutorisertOrgnr: orgnr, Navn: navn})
	if err != nil {
		return err
	}
	return a.Org.SettPassord(ctx, tx, id, passord)
}

// froKommune seeds in three steps, each safe to repeat; the integrasjon comes
// last and tells that all is done.
func froKommune(ctx context.Context, a *app.App, k kommune) error {
	if ferdig, err := froddFor(ctx, a, k.integrasjonID(), k.orgID()); err != nil || ferdig {
		return err
	}
	n, err := lesNokkelpar(k.Nummer)
	if err != nil {
		return err
	}
	if _, err := a.Org.Organisasjon(ctx, k.orgID()); feil.Er(err, feil.IkkeFunnet) {
		err = a.DB.Write(ctx, func(tx *store.Tx) error {
			if err := k.opprett(ctx, a, tx); err != nil {
				return err
			}
			if _, err := a.Org.LagreOppsett(ctx, tx, auth.From(ctx), k.orgID(), k.oppsett()); err != nil {
				return err
			}
			for _, t := range []string{organisasjon.TypeDigisos, organisasjon.TypeDokumentlager, organisasjon.TypeFiksIO} {
				if _, err := a.Org.TaIBruk(ctx, tx, k.orgID(), t); err != nil {
					return err
				}
			}
			return k.fiksIO(ctx, a, tx, n.cert.Raw)
		})
		if err != nil {
			return err
		}
	} else if err != nil {
		return err
	}
	if _, err := a.Digisos.Konfigurasjon(ctx, k.orgID()); feil.Er(err, feil.IkkeFunnet) {
		err = a.Digisos.OpprettKonfigurasjon(ctx, k.orgID(), k.konfigurasjon())
		if err != nil {
			return err
		}
	} else if err != nil {
		return err
	}
	tjeneste, err := a.Org.TjenesteRessurs(ctx, k.orgID(), organisasjon.TypeDigisos)
	if err != nil {
		return err
	}
	return a.DB.Write(ctx, func(tx *store.Tx) error {
		id := k.integrasjonID()
		if err := nyIntegrasjon(ctx, a, tx, id, k.orgID(), k.Fagsystem, "Fagsystem sosial i "+k.Navn, passord(k.Nummer)); err != nil {
			return err
		}
		return errors.Join(a.Org.GiTilgang(ctx, tx, auth.From(ctx), id, auth.DigisosOppdater, tjeneste),
			a.Org.GiTilgang(ctx, tx, auth.From(ctx), id, auth.FiksIOKonto, k.kontoID()))
	})
}

func (k kommune) domene() string { return k.Nummer + ".kommune.test" }

// fiksIO makes the konto of the kommune's fagsystem, found by org.nr at level 3
// and 4, and by the NAV office where there is one.
func (k kommune) fiksIO(ctx context.Context, a *app.App, tx *store.Tx, cert []byte) error {
	if _, err := a.FiksIO.OpprettKonto(ctx, tx, fiksio.Konto{ID: k.kontoID(), FiksOrgID: k.orgID(),
		Navn: k.Navn + " fagsystem sosial", Aktiv: true, Sertifikat: cert}); err != nil {
		return err
	}
	ider := []fiksio.Identifikator{{Type: "ORG_NO", Verdi: k.Orgnr}}
	if k.Enhet != "" {
		ider = append(ider, fiksio.Identifikator{Type: "NAVENHET_ID", Verdi: k.Enhet})
	}
	for _, i := range ider {
		if _, err := a.FiksIO.OpprettAdresse(ctx, tx, fiksio.Adresse{ID: fastID("fiksio-adresse", k.Nummer+i.String()), KontoID: k.kontoID(),
			Beskrivelse: "Digisos", Aktiv: true, Identifikatorer: []fiksio.Identifikator{i},
			Protokoller: []string{fiksio.ProtokollDigisos}, Nivaer: []int{3, 4}}); err != nil {
			return err
		}
	}
	return nil
}

func (k kommune) oppsett() organisasjon.Oppsett {
	return organisasjon.Oppsett{Navn: k.Navn + " kommune", Faktura: organisasjon.Faktura{EHF: true, EndepunktID: k.Orgnr, Referanse: "Sandkassen"},
		Fag: organisasjon.Kontakt{Epost: []string{"fag@" + k.domene()}}, Teknisk: organisasjon.Kontakt{Epost: []string{"teknisk@" + k.domene()}}}
}

func (k kommune) konfigurasjon() digisos.KommuneKonfigurasjon {
	c := digisos.KommuneKonfigurasjon{StotterOppdateringer: true, Aktivert: true, BrukerFiksIO: k.FiksIO,
		OrganisasjonsnummerSvarUt: k.Orgnr, NksTilgang: k.NKS, Behandlingsansvarlig: k.Navn + " kommune",
		Postadresse: digisos.Postadresse{Navn: k.Navn + " kommune", Adresselinje1: "Rådhusplassen 1", Postnummer: k.Nummer, Poststed: k.Navn},
		Kontaktpersoner: digisos.Kontakter{FagansvarligEpost: []string{"fag@" + k.domene()},
			TekniskAnsvarligEpost: []string{"teknisk@" + k.domene()}}}
	if k.FiksIO {
		c.FiksIOKontoID = k.kontoID()
	}
	return c
}

// klienter are the OAuth clients that are registered with the issuers: for each
// kommune «fagsystem-<kommunenummer>», with the fagsystem's key, whose kid is the
// kommunenummer. A certificate with an org.nr in its subject needs no client.
func klienter() ([]utsteder.Klient, error) {
	plattform, err := plattformensKlient()
	if err != nil {
		return nil, err
	}
	ut := []utsteder.Klient{plattform}
	for _, k := range kommuner {
		n, err := lesNokkelpar(k.Nummer)
		if err != nil {
			return nil, err
		}
		key := utsteder.Nokkel{}
		key.Key, key.KeyID = &n.key.PublicKey, k.Nummer
		ut = append(ut, utsteder.Klient{ID: "fagsystem-" + k.Nummer, Orgnr: k.Fagsystem, Nokler: []utsteder.Nokkel{key}})
	}
	return ut, nil
}
