// Package digisos is Fiks Digisos: søknader and ettersendelser from NAV, the
// case that citizen and NAV read, what the municipality's fagsystem adds to it,
// files laid down beforehand (mellomlagring), and each municipality's
// configuration.
//
// What was accepted with 202 is stored with its delivery, its history and its
// audit event in one transaction. No fødselsnummer, file name or document is
// readable in the database. Section numbers in comments are those of the
// Digisos wire contract.
package digisos

import (
	"regexp"
	"time"

	"github.com/google/uuid"

	"knutepunkt/internal/feil"
	"knutepunkt/internal/levering"
)

// The protocol that a fagsystem's Fiks IO konto must support, and its message
// types (§2.2).
const (
	Protokoll                = "no.nav.digisos.fagsystem.v1"
	TypeSoknad               = "no.nav.digisos.soknad.v1"
	TypeSoknadMottatt        = "no.nav.digisos.soknad.mottatt.v1"
	TypeEttersendelse        = "no.nav.digisos.ettersendelse.v1"
	TypeEttersendelseMottatt = "no.nav.digisos.ettersendelse.mottatt.v1"
)

// typeSaksoppdatering is the one value of type in a saksoppdatering (§1.10).
const typeSaksoppdatering = "no.nav.digisos.digisos.soker.v1"

// Names of this room's sources in the delivery engine. The id of a søknad there
// is its DigisosId, that of everything else a UUID of its own.
const (
	KildeSoknad             = "digisos.soknad"
	KildeEttersendelse      = "digisos.ettersendelse"
	KildeProve              = "digisos.prove" // a test of a municipality's set-up: no case, and in no statistics
	KildeKlage              = "digisos.klage"
	KildeKlageEttersendelse = "digisos.klage.ettersendelse"
	KildeKlageTrekk         = "digisos.klage.trekk"
)

// Config are the room's settings; zero values give the defaults in the comments.
type Config struct {
	// MellomlagringOrgID is the organisation that owns the dokumentlager konto of
	// files that belong to no municipality yet. Required.
	MellomlagringOrgID string
	// TillatUkryptert accepts files that are not CMS-encrypted, as NAV's
	// programs send them in their mock profile. For development only.
	TillatUkryptert  bool
	FiksIOFrist      time.Duration // for the fagsystem's receipt: 24 h
	MellomlagringTTL time.Duration // 30 days
	Sakslevetid      time.Duration // after the last change of a case: 730 days
	AvvikEtter       time.Duration // delivered and not registered after this, people are told, the next morning: 4 h
	MaxForesporsel   int64         // bytes of one request: 6 GiB
	Provefrist       time.Duration // for the receipt of a test: 30 min
	Provelevetid     time.Duration // of a test, after which its content is deleted: 24 h
	// Avsender is who a forsendelse by SvarUt is from, and the return address of
	// one on paper: NAV with its central postal address, since NAV sends in what
	// is delivered here, and no local office's address is known.
	Avsender levering.Adresse
}

func (c Config) medStandard() Config {
	std := func(d *time.Duration, v time.Duration) {
		if *d == 0 {
			*d = v
		}
	}
	std(&c.FiksIOFrist, 24*time.Hour)
	if c.Avsender == (levering.Adresse{}) {
		c.Avsender = levering.Adresse{
			Navn: "NAV", Orgnr: "889640782", Adresselinje1: "Postboks 354", Postnummer: "8601", Poststed: "Mo i Rana",
		}
	}
	std(&c.MellomlagringTTL, 30*24*time.Hour)
	std(&c.Sakslevetid, 730*24*time.Hour)
	std(&c.AvvikEtter, 4*time.Hour)
	std(&c.Provefrist, 30*time.Minute)
	std(&c.Provelevetid, 24*time.Hour)
	if c.MaxForesporsel == 0 {
		c.MaxForesporsel = 6 << 30
	}
	return c
}

// DigisosSak is a case as citizen and NAV see it (§1.6). Times are ms since 1970.
type DigisosSak struct {
	FiksDigisosID       string               `json:"fiksDigisosId"`
	SokerFnr            string               `json:"sokerFnr"`
	FiksOrgID           string               `json:"fiksOrgId"`
	Kommunenummer       string               `json:"kommunenummer"`
	SistEndret          int64                `json:"sistEndret"`
	OriginalSoknadNAV   *OriginalSoknadNAV   `json:"originalSoknadNAV"`
	EttersendtInfoNAV   *EttersendtInfoNAV   `json:"ettersendtInfoNAV"`
	DigisosSoker        *DigisosSoker        `json:"digisosSoker"`
	Tilleggsinformasjon *Tilleggsinformasjon `json:"tilleggsinformasjon"`
}

// OriginalSoknadNAV is the søknad; nil on a case made by the municipality.
type OriginalSoknadNAV struct {
	NavEksternRefID string         `json:"navEksternRefId"`
	Metadata        string         `json:"metadata"`
	VedleggMetadata string         `json:"vedleggMetadata"`
	SoknadDokument  DokumentInfo   `json:"soknadDokument"`
	Vedlegg         []DokumentInfo `json:"vedlegg"`
	TimestampSendt  int64          `json:"timestampSendt"`
}

// EttersendtInfoNAV holds what was sent in later.
type EttersendtInfoNAV struct {
	Ettersendelser []Ettersendelse `json:"ettersendelser"`
}

// Ettersendelse is one later sending; its reference is returned as it came in.
type Ettersendelse struct {
	NavEksternRefID string         `json:"navEksternRefId"`
	VedleggMetadata string         `json:"vedleggMetadata"`
	Vedlegg         []DokumentInfo `json:"vedlegg"`
	TimestampSendt  int64          `json:"timestampSendt"`
}

// DigisosSoker is what the municipality's fagsystem has told.
type DigisosSoker struct {
	Metadata               string         `json:"metadata"`
	Dokumenter             []DokumentInfo `json:"dokumenter"`
	TimestampSistOppdatert int64          `json:"timestampSistOppdatert"`
}

// Tilleggsinformasjon came with the søknad and is shown to NAV and the citizen only.
type Tilleggsinformasjon struct {
	Enhetsnummer *string `json:"enhetsnummer"`
}

// DokumentInfo is a file of a case, with the name and size that its sender gave.
type DokumentInfo struct {
	Filnavn                 string `json:"filnavn"`
	DokumentlagerDokumentID string `json:"dokumentlagerDokumentId"`
	Storrelse               int64  `json:"storrelse"`
}

// Mellomlagring lists files laid down under a reference (§1.8).
type Mellomlagring struct {
	NavEksternRefID           string         `json:"navEksternRefId"`
	MellomlagringMetadataList []Mellomlagret `json:"mellomlagringMetadataList"`
}

// Mellomlagret is one of them.
type Mellomlagret struct {
	Filnavn   string `json:"filnavn"`
	FilID     string `json:"filId"`
	Storrelse int64  `json:"storrelse"`
	Mimetype  string `json:"mimetype"`
}

// Historie is one step of a case, by the state names of §1.12.
type Historie struct {
	State              string
	Hendelsestidspunkt time.Time
	ForsendelseID      string // of the søknad, ettersendelse or klage it is about; "" for the case itself
	// Tekst is what the fagsystem wrote when it refused. It may hold personal data,
	// is stored sealed, and is forgotten when the case is deleted.
	Tekst string
}

// The states of §1.12 that this room writes.
const (
	AkseptertFiks                   = "AKSEPTERT_FIKS"
	AkseptertFiksEttersendelse      = "AKSEPTERT_FIKS_ETTERSENDELSE"
	AkseptertFiksKlageEttersendelse = "AKSEPTERT_FIKS_KLAGE_ETTERSENDELSE"
	AkseptertFiksTrekkKlage         = "AKSEPTERT_FIKS_TREKK_KLAGE"
	SendtFiksIO                     = "SENDT_FIKS_IO"
	SendtSvarUt                     = "SENDT_SVARUT"
	SendtFiksIOEttersendelse        = "SENDT_FIKS_IO_ETTERSENDELSE"
	SendtSvarUtEttersendelse        = "SENDT_SVARUT_ETTERSENDELSE"
	SendtSvarUtKlage                = "SENDT_SVARUT_KLAGE"
	SendtSvarUtKlageEttersendelse   = "SENDT_SVARUT_KLAGE_ETTERSENDELSE"
	FeiletSvarUt                    = "FEILET_SVARUT"
	OpprettetSakKommune             = "OPPRETTET_SAK_KOMMUNE"
	OppdatertSakKommune             = "OPPDATERT_SAK_KOMMUNE"
	LastetOppFilerKommune           = "LASTET_OPP_FILER_KOMMUNE"
	SlettetOppdateringerKommune     = "SLETTET_OPPDATERINGER_KOMMUNE"
	SlettetFilerKommune             = "SLETTET_FILER_KOMMUNE"
	DigisosSlettetFeilet            = "DIGISOS_SLETTET_FEILET"
)

// States of ours, where §1.12 has none: a refusal (§5), a klage that was taken
// in, and its withdrawal that was sent.
const (
	AvvistFagsystem       = "AVVIST_FAGSYSTEM"
	AkseptertFiksKlage    = "AKSEPTERT_FIKS_KLAGE"
	SendtSvarUtTrekkKlage = "SENDT_SVARUT_TREKK_KLAGE"
)

// Texts that clients parse: never change a letter (§0 points 2 and 3; «allerde» is theirs).
const (
	duplikatSoknad        = "Soknad med tilhørende navEksternRefId %s finnes allerede i Fiks-Digisos med DigisosId %s"
	duplikatEttersendelse = "Ettersendelse med tilhørende navEksternRefId %s finnes allerde for oppgitt DigisosId %s"
)

var (
	kommunenummerForm = regexp.MustCompile(`^[0-9]{4}$`)
	navRefForm        = regexp.MustCompile(`^[0-9a-zA-Z_\-]{1,60}$`)
	fnrForm           = regexp.MustCompile(`^[0-9]{11}$`)
	orgnrForm         = regexp.MustCompile(`^[0-9]{9}$`)
)

// gyldigUUID gives the canonical form of an id in a path or body; feil.Ugyldig.
func gyldigUUID(navn, verdi string) (string, error) {
	id, err := uuid.Parse(verdi)
	if err != nil || len(verdi) != 36 {
		return "", feil.Ny(feil.Ugyldig, "%s må være en UUID", navn)
	}
	return id.String(), nil
}
