package svarut

import (
	"net/http"
	"strings"
	"time"

	"knutepunkt/internal/auth"
	"knutepunkt/internal/httpx"
	"knutepunkt/internal/klokke"
	"knutepunkt/internal/levering"
)

// feilformV1 is the error body of REST v1; the code finds the cause in the log.
func feilformV1(m httpx.Feilmelding) any {
	return struct {
		Errorcode string `json:"errorcode"`
		Message   string `json:"message"`
	}{m.ErrorID, m.Message}
}

// digitalAdresseV1 has one of its fields.
type digitalAdresseV1 struct {
	FodselsNummer       string `json:"fodselsNummer"`
	OrganisasjonsNummer string `json:"organisasjonsNummer"`
}

type adresseV1 struct {
	PostAdresse *struct {
		Navn       string `json:"navn"`
		Adresse1   string `json:"adresse1"`
		Adresse2   string `json:"adresse2"`
		Adresse3   string `json:"adresse3"`
		PostNummer string `json:"postNummer"`
		PostSted   string `json:"postSted"`
		Land       string `json:"land"`
	} `json:"postAdresse"`
	DigitalAdresse *digitalAdresseV1 `json:"digitalAdresse"`
}

func (a adresseV1) adresse() (ut levering.Adresse) {
	if p := a.PostAdresse; p != nil {
		ut = levering.Adresse{Navn: p.Navn, Adresselinje1: p.Adresse1, Adresselinje2: p.Adresse2, Adresselinje3: p.Adresse3,
			Postnummer: p.PostNummer, Poststed: p.PostSted, Land: p.Land}
	}
	if d := a.DigitalAdresse; d != nil {
		ut.Fnr, ut.Orgnr = d.FodselsNummer, d.OrganisasjonsNummer
	}
	return ut
}

// noarkV1 is the archive's metadata; unset numbers are 0.
type noarkV1 struct {
	SaksSekvensNummer    int                    `json:"saksSekvensNummer"`
	SaksAar              int                    `json:"saksAar"`
	JournalAar           int                    `json:"journalAar"`
	JournalSekvensNummer int                    `json:"journalSekvensNummer"`
	JournalPostNummer    int                    `json:"journalPostNummer"`
	JournalPostType      string                 `json:"journalPostType"`
	JournalStatus        string                 `json:"journalStatus"`
	JournalDato          tidspunkt              `json:"journalDato"`
	DokumentetsDato      tidspunkt              `json:"dokumentetsDato"`
	Tittel               string                 `json:"tittel"`
	SaksBehandler        string                 `json:"saksBehandler"`
	EkstraMetadata       []levering.Nokkelverdi `json:"ekstraMetadata"`
}

func (n *noarkV1) noark() levering.Noark {
	if n == nil {
		return levering.Noark{}
	}
	return levering.Noark{Saksaar: n.SaksAar, Sakssekvensnummer: n.SaksSekvensNummer, Journalaar: n.JournalAar,
		Journalsekvensnummer: n.JournalSekvensNummer, Journalpostnummer: n.JournalPostNummer, Journalposttype: n.JournalPostType,
		Journalstatus: n.JournalStatus, Journaldato: n.JournalDato.Time, DokumentetsDato: n.DokumentetsDato.Time, Tittel: n.Tittel,
		Saksbehandler: n.SaksBehandler, EkstraMetadata: n.EkstraMetadata}
}

// forsendelseV1 is the request of REST v1 (§3.3).
type forsendelseV1 struct {
	Tittel                       string             `json:"tittel"`
	Mottaker                     *adresseV1         `json:"mottaker"`
	EksponertFor                 []digitalAdresseV1 `json:"eksponertFor"`
	AvgivendeSystem              string             `json:"avgivendeSystem"`
	KonteringsKode               string             `json:"konteringsKode"`
	KunDigitalLevering           bool               `json:"kunDigitalLevering"`
	Kryptert                     bool               `json:"kryptert"`
	UtskriftsKonfigurasjon       utskriftV2         `json:"utskriftsKonfigurasjon"`
	KrevNiva4Innlogging          bool               `json:"krevNiva4Innlogging"`
	MetadataFraAvleverendeSystem *noarkV1           `json:"metadataFraAvleverendeSystem"`
	MetadataForImport            *noarkV1           `json:"metadataForImport"`
	SvarSendesTil                *adresseV1         `json:"svarSendesTil"`
	SvarPaForsendelse            *idSvar            `json:"svarPaForsendelse"`
	Dokumenter                   []dokumentV1       `json:"dokumenter"`
	Lenker                       []lenkeV1          `json:"lenker"`
	ForsendelsesType             string             `json:"forsendelsesType"`
	EksternReferanse             string             `json:"eksternReferanse"`
	SvarPaForsendelseLink        bool               `json:"svarPaForsendelseLink"`
}

type dokumentV1 struct {
	Filnavn                string `json:"filnavn"`
	MimeType               string `json:"mimeType"`
	SkalSigneres           bool   `json:"skalSigneres"`
	DokumentType           string `json:"dokumentType"`
	GiroarkSider           []int  `json:"giroarkSider"`
	EkskluderesFraUtskrift bool   `json:"ekskluderesFraUtskrift"`
}

type lenkeV1 struct {
	URLLenke  string `json:"urlLenke"`
	URLTekst  string `json:"urlTekst"`
	LedeTekst string `json:"ledeTekst"`
}

func lesV1(b []byte) (Ny, error) {
	f, err := dekod[forsendelseV1](b)
	if err != nil {
		return Ny{}, err
	}
	if f.Mottaker == nil {
		return Ny{}, ugyldig("mottaker mangler")
	}
	n := Ny{Kryptert: f.Kryptert, ViaEdialog: f.SvarPaForsendelseLink,
		Innhold: Innhold{EksternRef: f.EksternReferanse, Post: levering.Post{
			Tittel: f.Tittel, ForsendelseType: f.ForsendelsesType, AvgivendeSystem: f.AvgivendeSystem, Niva: niva(f.KrevNiva4Innlogging),
			Mottaker: f.Mottaker.adresse(), Noark: f.MetadataFraAvleverendeSystem.noark(), NoarkImport: f.MetadataForImport.noark(),
			Konteringskode: f.KonteringsKode, Tosidig: f.UtskriftsKonfigurasjon.Tosidig, Farger: f.UtskriftsKonfigurasjon.UtskriftMedFarger,
			KunDigital: f.KunDigitalLevering,
		}}}
	if f.SvarSendesTil != nil {
		svar := f.SvarSendesTil.adresse()
		n.Post.SvarSendesTil = &svar
	}
	if f.SvarPaForsendelse != nil {
		n.Post.SvarPa = strings.ToLower(f.SvarPaForsendelse.ID)
	}
	for _, e := range f.EksponertFor {
		n.Post.EksponertFor = append(n.Post.EksponertFor, e.FodselsNummer+e.OrganisasjonsNummer)
	}
	for _, l := range f.Lenker {
		n.Post.Lenker = append(n.Post.Lenker, levering.Lenke{URL: l.URLLenke, Tekst: l.URLTekst, Ledetekst: l.LedeTekst})
	}
	for _, d := range f.Dokumenter {
		if d.SkalSigneres {
			n.Signeres++
		}
		n.Dokumenter = append(n.Dokumenter, Dokument{Filnavn: d.Filnavn, Mimetype: d.MimeType, DokumentType: d.DokumentType,
			GiroarkSider: d.GiroarkSider, UtenUtskrift: d.EkskluderesFraUtskrift})
	}
	return n, nil
}

func kontoV1(r *http.Request) string { return auth.From(r.Context()).KontoID }

func (s *Service) startV1(w http.ResponseWriter, r *http.Request) error {
	id, err := s.Start(r.Context(), kontoV1(r))
	if err != nil {
		return err
	}
	return httpx.JSON(w, http.StatusOK, idSvar{id})
}

// postV1 sends, with the id of the path where there is one.
func (s *Service) postV1(w http.ResponseWriter, r *http.Request) error {
	egen := ""
	if r.PathValue("forsendelseId") != "" {
		var err error
		if egen, err = uuidSti(r, "forsendelseId"); err != nil {
			return err
		}
	}
	id, err := s.taImot(r, kontoV1(r), func(b []byte) (Ny, error) {
		n, err := lesV1(b)
		n.ID = egen
		return n, err
	})
	if err != nil {
		return err
	}
	return httpx.JSON(w, http.StatusOK, idSvar{id})
}

type statusV1 struct {
	ForsendelsesID     idSvar `json:"forsendelsesId"`
	SisteStatusEndring int64  `json:"sisteStatusEndring"` // ms
	Status             Status `json:"status"`
}

func (s *Service) statuser1(r *http.Request, ider []string) ([]statusV1, error) {
	ider, err := lesIder(ider)
	if err != nil {
		return nil, err
	}
	ts, err := s.Statuser(r.Context(), kontoV1(r), ider)
	if err != nil {
		return nil, err
	}
	ut := []statusV1{}
	for _, t := range ts {
		ut = append(ut, statusV1{idSvar{t.ID}, t.Endret.UnixMilli(), t.Status})
	}
	return ut, nil
}

func (s *Service) statusV1(w http.ResponseWriter, r *http.Request) error {
	ut, err := s.statuser1(r, []string{r.PathValue("forsendelseId")})
	if err != nil {
		return err
	}
	if len(ut) == 0 {
		return errForsendelse()
	}
	return httpx.JSON(w, http.StatusOK, ut[0])
}

func (s *Service) statuserV1(w http.ResponseWriter, r *http.Request) error {
	ider, err := lesJSON[[]string](r)
	if err != nil {
		return err
	}
	ut, err := s.statuser1(r, ider)
	if err != nil {
		return err
	}
	return httpx.JSON(w, http.StatusOK, struct {
		Statuser []statusV1 `json:"statuser"`
	}{ut})
}

// tidV1 is how the log of v1 writes a time.
func tidV1(t time.Time) string { return klokke.Oslo(t).Format("02.01.2006 15:04:05") }

func (s *Service) historikkV1(w http.ResponseWriter, r *http.Request) error {
	f, err := s.egen(r)
	if err != nil {
		return err
	}
	hs, err := s.Hendelser(r.Context(), f.ID)
	if err != nil {
		return err
	}
	ut := struct {
		HendelsesLogger []hendelseV2 `json:"hendelsesLogger"`
	}{[]hendelseV2{}}
	for _, h := range hs {
		ut.HendelsesLogger = append(ut.HendelsesLogger, hendelseV2{tidV1(h.Tidspunkt), h.Tekst})
	}
	return httpx.JSON(w, http.StatusOK, ut)
}

func (s *Service) signeringV1(w http.ResponseWriter, r *http.Request) error {
	f, err := s.egen(r)
	if err != nil {
		return err
	}
	return httpx.JSON(w, http.StatusOK, struct {
		ForsendelsesID idSvar       `json:"forsendelsesId"`
		Logg           []hendelseV2 `json:"logg"`
	}{idSvar{f.ID}, []hendelseV2{}})
}

// metadataV1 names no other fields than KS's strict client knows.
func (s *Service) metadataV1(w http.ResponseWriter, r *http.Request) error {
	f, err := s.egen(r)
	if err != nil {
		return err
	}
	type metadata struct {
		MimeType       string                 `json:"mimeType"`
		Filnavn        string                 `json:"filnavn"`
		KanSigneres    bool                   `json:"kanSigneres"`
		SizeInBytes    int64                  `json:"sizeInBytes"`
		Sha256hash     string                 `json:"sha256hash"`
		DokumentType   *string                `json:"dokumentType"`
		NedlasningsURL string                 `json:"nedlasningsUrl"`
		SigneringsURL  *string                `json:"signeringsUrl"`
		EkstraMetadata []levering.Nokkelverdi `json:"ekstraMetadata"`
	}
	ut := struct {
		DokumentMetadata []metadata `json:"dokumentMetadata"`
	}{[]metadata{}}
	for i, d := range f.Dokumenter {
		ut.DokumentMetadata = append(ut.DokumentMetadata, metadata{MimeType: d.Mimetype, Filnavn: d.Filnavn, SizeInBytes: d.Storrelse,
			Sha256hash: d.SHA256, DokumentType: ellerNull(d.DokumentType), NedlasningsURL: s.nedlastingsURL(f.ID, i+1),
			EkstraMetadata: liste(d.Ekstrametadata)})
	}
	return httpx.JSON(w, http.StatusOK, ut)
}

func (s *Service) lestV1(w http.ResponseWriter, r *http.Request) error {
	f, err := s.egen(r)
	if err != nil {
		return err
	}
	inn, err := lesJSON[struct {
		LestAvFodselsNummer  string    `json:"lestAvFodselsNummer"`
		NavnPaEksterntSystem string    `json:"navnPaEksterntSystem"`
		DatoLest             tidspunkt `json:"datoLest"`
	}](r)
	if err != nil {
		return err
	}
	if err := s.SettLest(r.Context(), f.ID, LestAv{inn.LestAvFodselsNummer, inn.NavnPaEksterntSystem, inn.DatoLest.Time}); err != nil {
		return err
	}
	w.WriteHeader(http.StatusOK)
	return nil
}

func (s *Service) typerV1(w http.ResponseWriter, _ *http.Request) error {
	return httpx.JSON(w, http.StatusOK, struct {
		ForsendelseTyper []string `json:"forsendelseTyper"`
	}{s.cfg.Forsendelsestyper})
}

func (s *Service) mottakersystemV1(w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	orgnr := r.PathValue("orgnr")
	if orgnr == "" {
		orgnr = q.Get("organisasjonsNummer")
	}
	treff, err := s.mottakersystemer(r.Context(), orgnr, q.Get("forsendelsesType"), q.Get("niva"))
	if err != nil {
		return err
	}
	type mottakersystem struct {
		OrganisasjonsNummer string  `json:"organisasjonsNummer"`
		ForsendelsesType    *string `json:"forsendelsesType"`
		MottakerSystem      string  `json:"mottakerSystem"`
		MottakerID          string  `json:"mottakerId"`
		Niva                int     `json:"niva"`
	}
	ut := struct {
		Treff []mottakersystem `json:"treff"`
	}{[]mottakersystem{}}
	for _, m := range treff {
		ut.Treff = append(ut.Treff, mottakersystem{m.Orgnr, ellerNull(m.ForsendelseType), m.Navn, m.ID, m.Niva})
	}
	return httpx.JSON(w, http.StatusOK, ut)
}

func (s *Service) eksternRefV1(w http.ResponseWriter, r *http.Request) error {
	fs, err := s.MedEksternRef(r.Context(), kontoV1(r), r.PathValue("eksternref"))
	if err != nil {
		return err
	}
	ut := struct {
		ForsendelseIder []idSvar `json:"forsendelseIder"`
	}{[]idSvar{}}
	for _, f := range fs {
		ut.ForsendelseIder = append(ut.ForsendelseIder, idSvar{f.ID})
	}
	return httpx.JSON(w, http.StatusOK, ut)
}

func (s *Service) slettV1(w http.ResponseWriter, r *http.Request) error {
	inn, err := lesJSON[[]idSvar](r)
	if err != nil {
		return err
	}
	ider := make([]string, len(inn))
	for i, id := range inn {
		ider[i] = id.ID
	}
	if ider, err = lesIder(ider); err != nil {
		return err
	}
	ctx := r.Context()
	for _, id := range ider { // all are looked at before the first is deleted
		if _, err := s.ForsendelseFor(ctx, auth.From(ctx), id); err != nil {
			return err
		}
	}
	for _, id := range ider {
		if err := s.SlettDokumenter(ctx, id, false); err != nil {
			return err
		}
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
