package svarut

import (
	"net/http"
	"strings"

	"knutepunkt/internal/httpx"
	"knutepunkt/internal/levering"
)

// adresseV2 is an address of REST v2.
type adresseV2 struct {
	Navn          string `json:"navn"`
	DigitalID     string `json:"digitalId"`
	Adresselinje1 string `json:"adresselinje1"`
	Adresselinje2 string `json:"adresselinje2"`
	Adresselinje3 string `json:"adresselinje3"`
	Poststed      string `json:"poststed"`
	Postnummer    string `json:"postnummer"`
	Land          string `json:"land"`
}

func (a adresseV2) adresse() levering.Adresse {
	return medID(levering.Adresse{Navn: a.Navn, Adresselinje1: a.Adresselinje1, Adresselinje2: a.Adresselinje2, Adresselinje3: a.Adresselinje3,
		Postnummer: a.Postnummer, Poststed: a.Poststed, Land: a.Land}, a.DigitalID)
}

// noarkV2 is the archive's metadata of REST v2 and v3. Its ids of folders and
// registrations have no place at the receivers, and are not kept.
type noarkV2 struct {
	Saksaar              int                    `json:"saksaar"`
	Sakssekvensnummer    int                    `json:"sakssekvensnummer"`
	Journalaar           int                    `json:"journalaar"`
	Journalsekvensnummer int                    `json:"journalsekvensnummer"`
	Journalpostnummer    int                    `json:"journalpostnummer"`
	Journalposttype      string                 `json:"journalposttype"`
	Journalstatus        string                 `json:"journalstatus"`
	Journaldato          tidspunkt              `json:"journaldato"`
	DokumentetsDato      tidspunkt              `json:"dokumentetsDato"`
	Tittel               string                 `json:"tittel"`
	Saksbehandler        string                 `json:"saksbehandler"`
	EkstraMetadata       []levering.Nokkelverdi `json:"ekstraMetadata"`
}

func (n *noarkV2) noark() levering.Noark {
	if n == nil {
		return levering.Noark{}
	}
	return levering.Noark{Saksaar: n.Saksaar, Sakssekvensnummer: n.Sakssekvensnummer, Journalaar: n.Journalaar,
		Journalsekvensnummer: n.Journalsekvensnummer, Journalpostnummer: n.Journalpostnummer, Journalposttype: n.Journalposttype,
		Journalstatus: n.Journalstatus, Journaldato: n.Journaldato.Time, DokumentetsDato: n.DokumentetsDato.Time, Tittel: n.Tittel,
		Saksbehandler: n.Saksbehandler, EkstraMetadata: n.EkstraMetadata}
}

// dokumentV2 is a document of REST v2 and v3; v3 has one giroarkSide.
type dokumentV2 struct {
	Filnavn                             string                 `json:"filnavn"`
	MimeType                            string                 `json:"mimeType"`
	SkalSigneres                        bool                   `json:"skalSigneres"`
	DokumentType                        string                 `json:"dokumentType"`
	GiroarkSider                        []int                  `json:"giroarkSider"`
	GiroarkSide                         *int                   `json:"giroarkSide"`
	SkalEkskluderesFraUtskrift          bool                   `json:"skalEkskluderesFraUtskrift"`
	EkstraMetadata                      []levering.Nokkelverdi `json:"ekstraMetadata"`
	InneholderPersonsensitivInformasjon bool                   `json:"inneholderPersonsensitivInformasjon"`
}

func dokumenterV2(inn []dokumentV2) (ut []Dokument, signeres int) {
	for _, d := range inn {
		if d.SkalSigneres {
			signeres++
		}
		if d.GiroarkSide != nil {
			d.GiroarkSider = append(d.GiroarkSider, *d.GiroarkSide)
		}
		ut = append(ut, Dokument{Filnavn: d.Filnavn, Mimetype: d.MimeType, DokumentType: d.DokumentType, GiroarkSider: d.GiroarkSider,
			UtenUtskrift: d.SkalEkskluderesFraUtskrift, Ekstrametadata: d.EkstraMetadata, Sensitiv: d.InneholderPersonsensitivInformasjon})
	}
	return ut, signeres
}

type lenkeV2 struct {
	URL       string `json:"url"`
	Tekst     string `json:"tekst"`
	Ledetekst string `json:"ledetekst"`
}

func lenkerV2(inn []lenkeV2) (ut []levering.Lenke) {
	for _, l := range inn {
		ut = append(ut, levering.Lenke(l))
	}
	return ut
}

type utskriftV2 struct {
	UtskriftMedFarger bool `json:"utskriftMedFarger"`
	Tosidig           bool `json:"tosidig"`
}

// forsendelseV2 is the request of REST v2 (§3.1). Unset fields come as null.
type forsendelseV2 struct {
	Tittel                       string       `json:"tittel"`
	Mottaker                     *adresseV2   `json:"mottaker"`
	EksponertFor                 []string     `json:"eksponertFor"`
	AvgivendeSystem              string       `json:"avgivendeSystem"`
	AvgivendeSystemAktor         string       `json:"avgivendeSystemAktor"`
	Konteringskode               string       `json:"konteringskode"`
	KunDigitalLevering           bool         `json:"kunDigitalLevering"`
	Kryptert                     bool         `json:"kryptert"`
	Utskriftskonfigurasjon       utskriftV2   `json:"utskriftskonfigurasjon"`
	KrevNiva4Innlogging          bool         `json:"krevNiva4Innlogging"`
	MetadataFraAvleverendeSystem *noarkV2     `json:"metadataFraAvleverendeSystem"`
	MetadataForImport            *noarkV2     `json:"metadataForImport"`
	SvarSendesTil                *adresseV2   `json:"svarSendesTil"`
	SvarPaForsendelse            string       `json:"svarPaForsendelse"`
	Dokumenter                   []dokumentV2 `json:"dokumenter"`
	Lenker                       []lenkeV2    `json:"lenker"`
	Forsendelsestype             string       `json:"forsendelsestype"`
	EksternReferanse             string       `json:"eksternReferanse"`
	Korrelasjonsid               string       `json:"korrelasjonsid"`
	SvarPaForsendelseLink        bool         `json:"svarPaForsendelseLink"`
	TaushetsbelagtPost           bool         `json:"taushetsbelagtPost"`
}

func niva(hoyeste bool) int {
	if hoyeste {
		return 4
	}
	return 3
}

func lesV2(b []byte) (Ny, error) {
	f, err := dekod[forsendelseV2](b)
	if err != nil {
		return Ny{}, err
	}
	if f.Mottaker == nil {
		return Ny{}, ugyldig("mottaker mangler")
	}
	n := Ny{Kryptert: f.Kryptert, ViaEdialog: f.SvarPaForsendelseLink, KrevReturadresse: true,
		Innhold: Innhold{EksternRef: f.EksternReferanse, Aktor: f.AvgivendeSystemAktor, Post: levering.Post{
			Tittel: f.Tittel, ForsendelseType: f.Forsendelsestype, AvgivendeSystem: f.AvgivendeSystem, Niva: niva(f.KrevNiva4Innlogging),
			Mottaker: f.Mottaker.adresse(), SvarPa: strings.ToLower(f.SvarPaForsendelse), Lenker: lenkerV2(f.Lenker),
			Noark: f.MetadataFraAvleverendeSystem.noark(), NoarkImport: f.MetadataForImport.noark(), EksponertFor: f.EksponertFor,
			Konteringskode: f.Konteringskode, Tosidig: f.Utskriftskonfigurasjon.Tosidig, Farger: f.Utskriftskonfigurasjon.UtskriftMedFarger,
			KunDigital: f.KunDigitalLevering, Taushetsbelagt: f.TaushetsbelagtPost, KorrelasjonsID: f.Korrelasjonsid,
		}}}
	if f.SvarSendesTil != nil {
		svar := f.SvarSendesTil.adresse()
		n.Post.SvarSendesTil = &svar
	}
	n.Dokumenter, n.Signeres = dokumenterV2(f.Dokumenter)
	return n, nil
}

type idSvar struct {
	ID string `json:"id"`
}

func (s *Service) postV2(w http.ResponseWriter, r *http.Request) error {
	kontoID, err := uuidSti(r, "kontoId")
	if err != nil {
		return err
	}
	id, err := s.taImot(r, kontoID, lesV2)
	if err != nil {
		return err
	}
	return httpx.JSON(w, http.StatusOK, idSvar{id})
}

// medRef finds by the query's eksternRef.
func (s *Service) medRef(r *http.Request) ([]Forsendelse, error) {
	kontoID, err := uuidSti(r, "kontoId")
	if err != nil {
		return nil, err
	}
	return s.MedEksternRef(r.Context(), kontoID, r.URL.Query().Get("eksternRef"))
}

func (s *Service) eksternRefV2(w http.ResponseWriter, r *http.Request) error {
	fs, err := s.medRef(r)
	if err != nil {
		return err
	}
	ut := struct {
		ForsendelseIDs []string `json:"forsendelseIds"`
	}{[]string{}}
	for _, f := range fs {
		ut.ForsendelseIDs = append(ut.ForsendelseIDs, f.ID)
	}
	return httpx.JSON(w, http.StatusOK, ut)
}

func (s *Service) eksternRefMetadataV2(w http.ResponseWriter, r *http.Request) error {
	fs, err := s.medRef(r)
	if err != nil {
		return err
	}
	type metadata struct {
		ID              string  `json:"id"`
		Dato            string  `json:"dato"`
		AvgivendeSystem *string `json:"avgivendeSystem"`
	}
	ut := struct {
		Forsendelser []metadata `json:"forsendelser"`
	}{[]metadata{}}
	for _, f := range fs {
		ut.Forsendelser = append(ut.Forsendelser, metadata{f.ID, iso(f.Mottatt), ellerNull(f.Post.AvgivendeSystem)})
	}
	return httpx.JSON(w, http.StatusOK, ut)
}

func ellerNull(v string) *string {
	if v == "" {
		return nil
	}
	return &v
}

// statusV2 is a status of REST v2 and v3.
type statusV2 struct {
	ID                 string `json:"id"`
	SisteStatusEndring string `json:"sisteStatusEndring"`
	Status             Status `json:"status"`
}

type statuserV2 struct {
	Statuser []statusV2 `json:"statuser"`
}

func (s *Service) statusSok(r *http.Request, ider []string) ([]Tilstand, error) {
	kontoID, err := uuidSti(r, "kontoId")
	if err != nil {
		return nil, err
	}
	if ider, err = lesIder(ider); err != nil {
		return nil, err
	}
	return s.Statuser(r.Context(), kontoID, ider)
}

func (s *Service) statusSokV2(w http.ResponseWriter, r *http.Request) error {
	inn, err := lesJSON[struct {
		ForsendelseIDs []string `json:"forsendelseIds"`
	}](r)
	if err != nil {
		return err
	}
	ts, err := s.statusSok(r, inn.ForsendelseIDs)
	if err != nil {
		return err
	}
	ut := statuserV2{[]statusV2{}}
	for _, t := range ts {
		ut.Statuser = append(ut.Statuser, statusV2{t.ID, iso(t.Endret), t.Status})
	}
	return httpx.JSON(w, http.StatusOK, ut)
}

type hendelseV2 struct {
	Tidspunkt string `json:"tidspunkt"`
	Hendelse  string `json:"hendelse"`
}

func (s *Service) hendelserV2(w http.ResponseWriter, r *http.Request) error {
	f, err := s.egen(r)
	if err != nil {
		return err
	}
	hs, err := s.Hendelser(r.Context(), f.ID)
	if err != nil {
		return err
	}
	ut := struct {
		Hendelser []hendelseV2 `json:"hendelser"`
	}{[]hendelseV2{}}
	for _, h := range hs {
		ut.Hendelser = append(ut.Hendelser, hendelseV2{iso(h.Tidspunkt), h.Tekst})
	}
	return httpx.JSON(w, http.StatusOK, ut)
}

// signeringV2: nothing is signed here, so there is nothing to tell.
func (s *Service) signeringV2(w http.ResponseWriter, r *http.Request) error {
	if _, err := s.egen(r); err != nil {
		return err
	}
	return httpx.JSON(w, http.StatusOK, struct {
		Hendelser []hendelseV2 `json:"hendelser"`
	}{[]hendelseV2{}})
}

func (s *Service) lestV2(w http.ResponseWriter, r *http.Request) error {
	f, err := s.egen(r)
	if err != nil {
		return err
	}
	inn, err := lesJSON[struct {
		Fnr                string    `json:"fnr"`
		Tidspunkt          tidspunkt `json:"tidspunkt"`
		EksterntSystemnavn string    `json:"eksterntSystemnavn"`
	}](r)
	if err != nil {
		return err
	}
	if err := s.SettLest(r.Context(), f.ID, LestAv{inn.Fnr, inn.EksterntSystemnavn, inn.Tidspunkt.Time}); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (s *Service) metadataV2(w http.ResponseWriter, r *http.Request) error {
	f, err := s.egen(r)
	if err != nil {
		return err
	}
	type metadata struct {
		Filnavn                             string                 `json:"filnavn"`
		MimeType                            string                 `json:"mimeType"`
		DokumentType                        string                 `json:"dokumentType"`
		Storrelse                           int64                  `json:"storrelse"`
		Sha256Hash                          string                 `json:"sha256Hash"`
		NedlasningURL                       string                 `json:"nedlasningUrl"`
		KanSigneres                         bool                   `json:"kanSigneres"`
		EkstraMetadata                      []levering.Nokkelverdi `json:"ekstraMetadata"`
		InneholderPersonsensitivInformasjon bool                   `json:"inneholderPersonsensitivInformasjon"`
	}
	ut := struct {
		Dokumenter []metadata `json:"dokumenter"`
	}{[]metadata{}}
	for i, d := range f.Dokumenter {
		ut.Dokumenter = append(ut.Dokumenter, metadata{Filnavn: d.Filnavn, MimeType: d.Mimetype, DokumentType: d.DokumentType,
			Storrelse: d.Storrelse, Sha256Hash: d.SHA256, NedlasningURL: s.nedlastingsURL(f.ID, i+1),
			EkstraMetadata: liste(d.Ekstrametadata), InneholderPersonsensitivInformasjon: d.Sensitiv})
	}
	return httpx.JSON(w, http.StatusOK, ut)
}

// liste is never null on the wire.
func liste[T any](l []T) []T {
	if l == nil {
		return []T{}
	}
	return l
}

func (s *Service) slettV2(w http.ResponseWriter, r *http.Request) error {
	f, err := s.egen(r)
	if err != nil {
		return err
	}
	alt := false
	switch r.URL.Query().Get("slettetype") {
	case "", "ORIGINALDOKUMENTER":
	case "ALLE":
		alt = true
	default:
		return ugyldig("slettetype må være ORIGINALDOKUMENTER eller ALLE")
	}
	if err := s.SlettDokumenter(r.Context(), f.ID, alt); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (s *Service) typerV2(w http.ResponseWriter, _ *http.Request) error {
	return httpx.JSON(w, http.StatusOK, struct {
		Forsendelsestyper []string `json:"forsendelsestyper"`
	}{s.cfg.Forsendelsestyper})
}

func (s *Service) mottakersystemV2(w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	treff, err := s.mottakersystemer(r.Context(), q.Get("organisasjonsnummer"), q.Get("forsendelseType"), q.Get("niva"))
	if err != nil {
		return err
	}
	type mottakersystem struct {
		ID                  string `json:"id"`
		Navn                string `json:"navn"`
		Organisasjonsnummer string `json:"organisasjonsnummer"`
		ForsendelseType     string `json:"forsendelseType"`
		Niva                int    `json:"niva"`
	}
	ut := struct {
		Mottakersystemer []mottakersystem `json:"mottakersystemer"`
	}{[]mottakersystem{}}
	for _, m := range treff {
		ut.Mottakersystemer = append(ut.Mottakersystemer, mottakersystem{m.ID, m.Navn, m.Orgnr, m.ForsendelseType, m.Niva})
	}
	return httpx.JSON(w, http.StatusOK, ut)
}
