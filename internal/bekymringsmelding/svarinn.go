package bekymringsmelding

import (
	"archive/zip"
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"knutepunkt/cms"
	"knutepunkt/internal/audit"
	"knutepunkt/internal/auth"
	"knutepunkt/internal/feil"
	"knutepunkt/internal/httpx"
	"knutepunkt/internal/klokke"
	"knutepunkt/internal/store"
)

const (
	svarinnRot = "/bekymringsmelding-svarinn-mottak/api/v1"
	maksFeilet = 64 << 10 // bytes of the body of mottakFeilet
	maksTekst  = 4000     // characters of what a receiver wrote that are kept
)

// svarinnRuter is the copy of SvarInn's pull API (§9), with its HTTP Basic.
func (s *Service) svarinnRuter() []auth.Route {
	inn := auth.Basic{Realm: "Fiks Bekymringsmelding", Slag: auth.Mottakersystem, Sjekk: s.loggInn}
	t := auth.Tilgang{Slag: auth.Mottakersystem, Merknad: "bare meldinger til integrasjonens egen bydel"}
	return []auth.Route{
		{Pattern: "GET " + svarinnRot + "/mottaker/hentNyeForsendelser", Tilgang: t, Innlogging: inn, Handler: s.hentNyeForsendelser},
		{Pattern: "GET " + svarinnRot + "/forsendelse/{forsendelseId}", Tilgang: t, Innlogging: inn, Handler: s.lastNedForsendelse},
		{Pattern: "POST " + svarinnRot + "/kvitterMottak/forsendelse/{forsendelseId}", Tilgang: t, Innlogging: inn, Handler: s.kvitterMottak},
		{Pattern: "POST " + svarinnRot + "/mottakFeilet/forsendelse/{forsendelseId}", Tilgang: t, Innlogging: inn, Handler: s.mottakFeilet, MaxBody: maksFeilet},
	}
}

// loggInn checks an integrasjon's id and password.
func (s *Service) loggInn(ctx context.Context, navn, passord string) (string, error) {
	a, err := s.Organisasjon.Autentiser(ctx, strings.TrimSpace(navn), passord)
	if err != nil {
		return "", err
	}
	return strings.ToLower(a.IntegrasjonID), nil
}

// The shapes of SvarInn. Members that have no value are null.
type (
	siAvsender struct {
		Adresselinje1 *string `json:"adresselinje1"`
		Adresselinje2 *string `json:"adresselinje2"`
		Adresselinje3 *string `json:"adresselinje3"`
		Navn          *string `json:"navn"`
		Poststed      *string `json:"poststed"`
		Postnr        *string `json:"postnr"`
	}
	siMottaker struct {
		Adresse1 *string `json:"adresse1"`
		Adresse2 *string `json:"adresse2"`
		Adresse3 *string `json:"adresse3"`
		Postnr   *string `json:"postnr"`
		Poststed *string `json:"poststed"`
		Navn     *string `json:"navn"`
		Land     *string `json:"land"`
		Orgnr    *string `json:"orgnr"`
		Fnr      *string `json:"fnr"`
	}
	siFil struct {
		Filnavn      string  `json:"filnavn"`
		Mimetype     string  `json:"mimetype"`
		SHA256       string  `json:"sha256hash"`
		DokumentType *string `json:"dokumentType"`
		Size         int64   `json:"size"`
	}
	siForsendelse struct {
		Avsender        siAvsender `json:"avsender"`
		Mottaker        siMottaker `json:"mottaker"`
		ID              string     `json:"id"`
		Tittel          string     `json:"tittel"`
		Date            int64      `json:"date"` // ms since the epoch
		ServerURL       string     `json:"serverUrl"`
		Status          string     `json:"status"`
		Niva            string     `json:"niva"`
		Filmetadata     []siFil    `json:"filmetadata"`
		ForsendelseType string     `json:"forsendelseType"`
		EksternRef      string     `json:"eksternRef"`
		DownloadURL     string     `json:"downloadUrl"`
	}
)

func ellerNull(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// egetIKo finds a report that the calling integrasjon fetches; feil.IkkeFunnet, also
// for another's.
func (s *Service) egetIKo(r *http.Request, q store.Queryer) (iKo, error) {
	id, err := uuidFra("forsendelseId", r.PathValue("forsendelseId"))
	if err != nil {
		return iKo{}, ukjentMelding()
	}
	k, err := s.hentIKo(r.Context(), q, id)
	if err != nil {
		return k, err
	}
	if k.kanal != KanalSvarInn || k.integrasjonID == "" || k.integrasjonID != auth.From(r.Context()).KontoID {
		return k, ukjentMelding()
	}
	return k, nil
}

// maksListe is how many reports are listed at once, the oldest.
const maksListe = 1000

// hentNyeForsendelser lists what is not acknowledged, the oldest first. It changes nothing.
func (s *Service) hentNyeForsendelser(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	alle, err := s.koen(ctx, s.DB.Read(), `WHERE integrasjon_id = $1 AND tilstand = 'VENTER' AND kanal = 'SVARINN'
		ORDER BY opprettet, melding_id LIMIT $2 + 0`, auth.From(ctx).KontoID, maksListe)
	if err != nil {
		return err
	}
	ut := []siForsendelse{}
	bydeler := map[string]Bydel{}
	for _, k := range alle {
		b, kjent := bydeler[k.ressursID]
		if !kjent {
			if b, err = s.BydelMedRessurs(ctx, k.ressursID); err != nil {
				return fmt.Errorf("finding the bydel of %s: %w", k.meldingID, err)
			}
			bydeler[k.ressursID] = b
		}
		m, err := hentMelding(ctx, s.DB.Read(), k.meldingID)
		if err != nil {
			return err
		}
		ut = append(ut, s.forsendelse(m, k, b))
	}
	return httpx.JSON(w, http.StatusOK, ut)
}

func (s *Service) forsendelse(m Melding, k iKo, b Bydel) siForsendelse {
	a, p := s.cfg.Avsender, b.Adresse
	return siForsendelse{
		Avsender: siAvsender{ellerNull(a.Adresselinje1), ellerNull(a.Adresselinje2), ellerNull(a.Adresselinje3), ellerNull(a.Navn), ellerNull(a.Poststed), ellerNull(a.Postnummer)},
		Mottaker: siMottaker{Adresse1: ellerNull(p.Adresselinje1), Adresse2: ellerNull(p.Adresselinje2), Adresse3: ellerNull(p.Adresselinje3),
			Postnr: ellerNull(p.Postnummer), Poststed: ellerNull(p.Poststed), Navn: ellerNull(p.Navn), Orgnr: ellerNull(b.Orgnr)},
		ID: m.ID, Tittel: "Bekymringsmelding", Date: m.Innsendt.UnixMilli(), ServerURL: s.cfg.BaseURL, Status: "Akseptert", Niva: "4",
		Filmetadata:     []siFil{{Filnavn: navnPDF, Mimetype: "application/pdf", SHA256: k.dokument.SHA256, Size: k.dokument.Storrelse}},
		ForsendelseType: "bekymringsmelding", EksternRef: m.ID, DownloadURL: s.cfg.BaseURL + svarinnRot + "/forsendelse/" + m.ID,
	}
}

// lastNedForsendelse re-encrypts the PDF to the bydel's certificate (§9). To download
// is not to acknowledge. It is audited.
func (s *Service) lastNedForsendelse(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	k, err := s.egetIKo(r, s.DB.Read())
	if err != nil {
		return err
	}
	m, err := hentMelding(ctx, s.DB.Read(), k.meldingID)
	if err != nil {
		return err
	}
	if k.tilstand != koVenter || !m.Slettet.IsZero() {
		return feil.Ny(feil.Slettet, "Bekymringsmeldingen er ikke lenger til nedlasting")
	}
	b, err := s.BydelMedRessurs(ctx, k.ressursID)
	if err != nil {
		return fmt.Errorf("finding the bydel of %s: %w", k.meldingID, err)
	}
	til, err := sertifikatFra(b.Sertifikat)
	if err != nil {
		w.Header().Set("Retry-After", "60")
		return feil.Ny(feil.Utilgjengelig, "Bydelen mangler et gyldig sertifikat. Registrer offentligNokkel på kontoen; meldingen venter så lenge").Med(err)
	}
	slipp, err := taPlass(ctx, s.hentes)
	if err != nil {
		w.Header().Set("Retry-After", "60")
		return err
	}
	defer slipp()
	if err := s.lastetNed(ctx, k, auth.From(ctx)); err != nil {
		return err
	}
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Content-Type", "application/octet-stream")
	navn := navnPDF
	if b.Zip {
		navn = "dokumenter.zip"
		w.Header().Set("Content-Type", "application/zip")
	}
	w.Header().Set("Content-Disposition", `attachment; filename="`+navn+`"`)
	if r.Method == http.MethodHead {
		return nil
	}
	return s.rekrypter(ctx, w, til, m, k, b.Zip)
}

// rekrypter streams the PDF, alone or in a ZIP, encrypted to a certificate.
func (s *Service) rekrypter(ctx context.Context, w io.Writer, til *x509.Certificate, m Melding, k iKo, iZip bool) error {
	kryptert, err := cms.NewWriter(w, til)
	if err != nil {
		return err
	}
	if !iZip {
		if err := s.skrivPDF(ctx, m.asiceBlob, k.dokument, kryptert); err != nil {
			return err
		}
		return kryptert.Close()
	}
	z := zip.NewWriter(kryptert)
	// The entry has the day alone: when it was sent, the list tells.
	aar, maaned, dag := klokke.Oslo(m.Innsendt).Date()
	fil, err := z.CreateHeader(&zip.FileHeader{Name: navnPDF, Method: zip.Deflate, Modified: time.Date(aar, maaned, dag, 0, 0, 0, 0, time.UTC)})
	if err != nil {
		return err
	}
	if err := s.skrivPDF(ctx, m.asiceBlob, k.dokument, fil); err != nil {
		return err
	}
	if err := z.Close(); err != nil {
		return err
	}
	return kryptert.Close()
}

// sertifikatFra reads the PEM (or DER) that a bydel has registered.
func sertifikatFra(b []byte) (*x509.Certificate, error) {
	if len(b) == 0 {
		return nil, errors.New("no certificate")
	}
	if blokk, _ := pem.Decode(b); blokk != nil {
		b = blokk.Bytes
	}
	return x509.ParseCertificate(b)
}

// lastetNed audits a download, before it begins.
func (s *Service) lastetNed(ctx context.Context, k iKo, av auth.Caller) error {
	return s.DB.Write(ctx, func(tx *store.Tx) error {
		if _, err := tx.ExecContext(ctx, `UPDATE bekymring_ko SET lastet_ned = $2 WHERE melding_id = $1 AND lastet_ned = 0`,
			k.meldingID, store.Micros(s.Klokke.Now())); err != nil {
			return fmt.Errorf("noting a download of %s: %w", k.meldingID, err)
		}
		return s.logg(ctx, tx, audit.Hendelse{Principal: av, Handling: "BEKYMRINGSMELDING_LASTET_NED", FiksOrg: k.fiksOrg, Underressurs: k.meldingID})
	})
}

// kvitterMottak: the receiver has stored it. The same again is 200 and nothing new.
func (s *Service) kvitterMottak(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	if err := s.DB.Write(ctx, func(tx *store.Tx) error {
		k, err := s.egetIKo(r, tx)
		if err != nil {
			return err
		}
		ok, err := s.kvitter(ctx, tx, k)
		if err != nil {
			return err
		}
		return s.logg(ctx, tx, audit.Hendelse{Principal: auth.From(ctx), Handling: forSent("BEKYMRINGSMELDING_KVITTERT", ok), FiksOrg: k.fiksOrg, Underressurs: k.meldingID})
	}); err != nil {
		return err
	}
	w.WriteHeader(http.StatusOK)
	return nil
}

// mottakFeilet: the receiver cannot take it, for now or at all. Any body is taken, or none.
func (s *Service) mottakFeilet(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	kropp, err := io.ReadAll(r.Body)
	if err != nil {
		return err
	}
	tekst, permanent := lesFeilet(kropp)
	if err := s.DB.Write(ctx, func(tx *store.Tx) error {
		k, err := s.egetIKo(r, tx)
		if err != nil {
			return err
		}
		if !permanent { // it stays in the list, and the deadline runs
			if k.tilstand != koVenter {
				return nil
			}
			m, err := hentMelding(ctx, tx, k.meldingID)
			if err != nil {
				return err
			}
			return s.skrivHendelse(ctx, tx, m.ID, Hendelse{Tilstand: m.Tilstand, Beskrivelse: "Fagsystemet meldte en midlertidig feil", Fritekst: tekst})
		}
		_, err = s.avvis(ctx, tx, k, "Fagsystemet meldte at mottaket feilet", tekst)
		if err != nil {
			return err
		}
		return s.logg(ctx, tx, audit.Hendelse{Principal: auth.From(ctx), Handling: "BEKYMRINGSMELDING_AVVIST", FiksOrg: k.fiksOrg, Underressurs: k.meldingID})
	}); err != nil {
		return err
	}
	w.WriteHeader(http.StatusOK)
	return nil
}

// lesFeilet reads the body of mottakFeilet, if it is one: what does not say that the
// failure passes is for good.
func lesFeilet(kropp []byte) (tekst string, permanent bool) {
	var inn struct {
		Feilmelding *string `json:"feilmelding"`
		Permanent   *bool   `json:"permanent"`
	}
	if httpx.UnmarshalJSON([]byte(strings.TrimPrefix(string(kropp), "\ufeff")), &inn) != nil {
		return "", true
	}
	if inn.Feilmelding != nil {
		tekst = strings.TrimSpace(*inn.Feilmelding)
		if utf8.RuneCountInString(tekst) > maksTekst {
			tekst = string([]rune(tekst)[:maksTekst])
		}
	}
	return tekst, inn.Permanent == nil || *inn.Permanent
}
