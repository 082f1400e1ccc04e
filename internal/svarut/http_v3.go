package svarut

import (
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"

	"knutepunkt/internal/feil"
	"knutepunkt/internal/httpx"
	"knutepunkt/internal/levering"
)

// adresseV3 is a postal address of REST v3.
type adresseV3 struct {
	Adresselinje1 string `json:"adresselinje1"`
	Adresselinje2 string `json:"adresselinje2"`
	Adresselinje3 string `json:"adresselinje3"`
	Poststed      string `json:"poststed"`
	Postnummer    string `json:"postnummer"`
	Landkode      string `json:"landkode"`
}

func (a *adresseV3) adresse(felt, navn string) (levering.Adresse, error) {
	ut := levering.Adresse{Navn: navn}
	if utf8.RuneCountInString(navn) > 100 {
		return ut, ugyldig("Navnet til %s kan ha høyst 100 tegn", felt)
	}
	if a == nil {
		return ut, nil
	}
	for _, linje := range []string{a.Adresselinje1, a.Adresselinje2, a.Adresselinje3} {
		if utf8.RuneCountInString(linje) > 70 {
			return ut, ugyldig("En adresselinje til %s kan ha høyst 70 tegn", felt)
		}
	}
	switch {
	case a.Adresselinje1 == "" || a.Poststed == "":
		return ut, ugyldig("Adressen til %s må ha adresselinje1 og poststed", felt)
	case utf8.RuneCountInString(a.Postnummer) > 20:
		return ut, ugyldig("Postnummeret til %s kan ha høyst 20 tegn", felt)
	case a.Landkode != "" && (len(a.Landkode) != 2 || strings.ToUpper(a.Landkode) != a.Landkode || a.Landkode[0] < 'A' || a.Landkode[1] > 'Z'):
		return ut, ugyldig("landkode til %s må være to store bokstaver", felt)
	}
	ut.Adresselinje1, ut.Adresselinje2, ut.Adresselinje3 = a.Adresselinje1, a.Adresselinje2, a.Adresselinje3
	ut.Postnummer, ut.Poststed = a.Postnummer, a.Poststed
	if a.Landkode != "NO" {
		ut.Land = a.Landkode
	}
	return ut, nil
}

// forsendelseV3 is the request of REST v3's person, organisasjon and print
// together (§3.2); each of them looks at its own fields.
type forsendelseV3 struct {
	Tittel   string `json:"tittel"`
	Mottaker *struct {
		Navn      string     `json:"navn"`
		DigitalID string     `json:"digitalId"`
		Adresse   *adresseV3 `json:"adresse"`
	} `json:"mottaker"`
	EksponertFor           []string   `json:"eksponertFor"`
	AvgivendeSystem        string     `json:"avgivendeSystem"`
	AvgivendeSystemAktor   string     `json:"avgivendeSystemAktor"`
	Konteringskode         string     `json:"konteringskode"`
	KunDigitalLevering     bool       `json:"kunDigitalLevering"`
	Kryptert               bool       `json:"kryptert"`
	Utskriftskonfigurasjon utskriftV2 `json:"utskriftskonfigurasjon"`
	Sikkerhetsniva         string     `json:"sikkerhetsniva"`
	SvarSendesTil          *struct {
		Navn      string     `json:"navn"`
		Type      string     `json:"type"`
		DigitalID string     `json:"digitalId"`
		Adresse   *adresseV3 `json:"adresse"`
	} `json:"svarSendesTil"`
	SvarPaForsendelseID string       `json:"svarPaForsendelseId"`
	Dokumenter          []dokumentV2 `json:"dokumenter"`
	Lenker              []lenkeV2    `json:"lenker"`
	EksternReferanse    string       `json:"eksternReferanse"`
	KanSvareViaEdialog  bool         `json:"kanSvareViaEdialog"`
	Korrelasjonsid      string       `json:"korrelasjonsid"`
	Signering           *struct{}    `json:"signering"`

	MetadataFraAvleverendeSystem *noarkV2 `json:"metadataFraAvleverendeSystem"`
	MetadataForImport            *noarkV2 `json:"metadataForImport"`
	Forsendelsestype             string   `json:"forsendelsestype"`
	TaushetsbelagtPost           bool     `json:"taushetsbelagtPost"`
}

// slagV3 is one of v3's kinds of receivers: what it makes of a request that is
// read already. typer are the listed forsendelsestyper.
type slagV3 func(f forsendelseV3, n *Ny, typer []string) error

func personV3(f forsendelseV3, n *Ny, _ []string) error {
	if len(f.Mottaker.DigitalID) != 11 {
		return ugyldig("mottaker må ha et fødselsnummer som digitalId; bruk /print for brev uten")
	}
	n.Post.Mottaker.Fnr = f.Mottaker.DigitalID
	if f.Signering != nil && n.Signeres == 0 {
		return feil.Ny(feil.IkkeBygget, "Signering tilbys ikke i denne installasjonen")
	}
	return nil
}

func organisasjonV3(f forsendelseV3, n *Ny, typer []string) error {
	if len(f.Mottaker.DigitalID) != 9 {
		return ugyldig("mottaker må ha et organisasjonsnummer som digitalId; bruk /print for brev uten")
	}
	n.Post.Mottaker.Orgnr = f.Mottaker.DigitalID
	if f.Forsendelsestype != "" && !slices.Contains(typer, f.Forsendelsestype) {
		return ugyldig("forsendelsestype er ikke en av dem som tilbys; de står i /api/v2/forsendelsestyper")
	}
	n.Post.ForsendelseType, n.Post.Taushetsbelagt = f.Forsendelsestype, f.TaushetsbelagtPost
	n.Post.Noark, n.Post.NoarkImport = f.MetadataFraAvleverendeSystem.noark(), f.MetadataForImport.noark()
	for i, d := range f.Dokumenter {
		if len(d.EkstraMetadata) > 20 {
			return ugyldig("Dokument nummer %d kan ha høyst 20 ekstraMetadata", i+1)
		}
		for _, e := range d.EkstraMetadata {
			if utf8.RuneCountInString(e.Key) > 100 || utf8.RuneCountInString(e.Value) > 500 {
				return ugyldig("ekstraMetadata til dokument nummer %d kan ha nøkler på høyst 100 og verdier på høyst 500 tegn", i+1)
			}
		}
	}
	return nil
}

func printV3(_ forsendelseV3, n *Ny, _ []string) error {
	n.Post.KunDigital, n.Post.Niva, n.Post.Lenker, n.Post.EksponertFor = false, 3, nil, nil
	for i := range n.Dokumenter {
		n.Dokumenter[i].UtenUtskrift = false
		if !n.Dokumenter[i].erPDF() {
			return ugyldig("Dokument nummer %d er ikke application/pdf; bare PDF kan skrives ut", i+1)
		}
	}
	return nil
}

// lesV3 reads a request of one kind.
func lesV3(b []byte, slag slagV3, typer []string) (Ny, error) {
	f, err := dekod[forsendelseV3](b)
	if err != nil {
		return Ny{}, err
	}
	if f.Mottaker == nil {
		return Ny{}, ugyldig("mottaker mangler")
	}
	n := Ny{Kryptert: f.Kryptert, ViaEdialog: f.KanSvareViaEdialog, KrevReturadresse: true,
		Innhold: Innhold{EksternRef: f.EksternReferanse, Aktor: f.AvgivendeSystemAktor, Post: levering.Post{
			Tittel: f.Tittel, AvgivendeSystem: f.AvgivendeSystem, SvarPa: strings.ToLower(f.SvarPaForsendelseID), Lenker: lenkerV2(f.Lenker),
			EksponertFor: f.EksponertFor, Konteringskode: f.Konteringskode, Tosidig: f.Utskriftskonfigurasjon.Tosidig,
			KunDigital: f.KunDigitalLevering, KorrelasjonsID: f.Korrelasjonsid,
		}}}
	switch f.Sikkerhetsniva {
	case "", "BETYDELIG":
		n.Post.Niva = 3
	case "HOYESTE":
		n.Post.Niva = 4
	default:
		return Ny{}, ugyldig("sikkerhetsniva må være BETYDELIG eller HOYESTE")
	}
	if n.Post.Mottaker, err = f.Mottaker.Adresse.adresse("mottaker", f.Mottaker.Navn); err != nil {
		return Ny{}, err
	}
	if err := n.settSvar(f); err != nil {
		return Ny{}, err
	}
	n.Dokumenter, n.Signeres = dokumenterV2(f.Dokumenter)
	return n, slag(f, &n, typer)
}

// settSvar reads svarSendesTil, of which everything is required.
func (n *Ny) settSvar(f forsendelseV3) error {
	inn := f.SvarSendesTil
	if inn == nil {
		return nil
	}
	if inn.Adresse == nil || inn.DigitalID == "" {
		return ugyldig("svarSendesTil må ha navn, type, digitalId og adresse")
	}
	svar, err := inn.Adresse.adresse("svarSendesTil", inn.Navn)
	if err != nil {
		return err
	}
	switch inn.Type {
	case "PERSON":
		svar.Fnr = inn.DigitalID
	case "ORGANISASJON":
		svar.Orgnr = inn.DigitalID
	case "NHN_MOTTAKER":
		return feil.Ny(feil.IkkeBygget, "Svar til mottakere i Norsk helsenett tilbys ikke i denne installasjonen")
	default:
		return ugyldig("type til svarSendesTil må være PERSON eller ORGANISASJON")
	}
	n.Post.SvarSendesTil = &svar
	return nil
}

func (s *Service) postV3(slag slagV3) httpx.Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		kontoID, err := uuidSti(r, "kontoId")
		if err != nil {
			return err
		}
		id, err := s.taImot(r, kontoID, func(b []byte) (Ny, error) { return lesV3(b, slag, s.cfg.Forsendelsestyper) })
		if err != nil {
			return err
		}
		return httpx.JSON(w, http.StatusOK, idSvar{id})
	}
}

func nhnV3(http.ResponseWriter, *http.Request) error {
	return feil.Ny(feil.IkkeBygget, "Sending til mottakere i Norsk helsenett tilbys ikke i denne installasjonen")
}

func (s *Service) statusSokV3(w http.ResponseWriter, r *http.Request) error {
	inn, err := lesJSON[struct {
		ID []string `json:"id"`
	}](r)
	if err != nil {
		return err
	}
	ts, err := s.statusSok(r, inn.ID)
	if err != nil {
		return err
	}
	ut := statuserV2{[]statusV2{}}
	for _, t := range ts {
		if !t.Slettet.IsZero() {
			t.Status, t.Endret = Slettet, t.Slettet
		}
		ut.Statuser = append(ut.Statuser, statusV2{t.ID, iso(t.Endret), t.Status})
	}
	return httpx.JSON(w, http.StatusOK, ut)
}
