package levering

import "time"

// Post is a forsendelse as a letter: what SvarUt and its channels need to know
// beside the files (SvarUt contract §1.2, §3.1).
type Post struct {
	Tittel          string
	ForsendelseType string    // "" when none
	AvgivendeSystem string    // "" when none
	Niva            int       // security level: 3 or 4
	Mottatt         time.Time // when it was taken in
	Avsender        Adresse   // the sender's own address
	Mottaker        Adresse
	SvarSendesTil   *Adresse // nil: the sender
	SvarPa          string   // the forsendelse that this one answers; "" for none
	Lenker          []Lenke
	Noark           Noark    // metadataFraAvleverendeSystem
	NoarkImport     Noark    // metadataForImport
	EksponertFor    []string // fnr and org.nr that may download as well
	Kontakter       []string // e-mail addresses that are told when delivery stops
	Konteringskode  string   // passed on to print
	Tosidig, Farger bool     // how it is printed
	KunDigital      bool     // never printed, and without guarantee
	// BareSvarInn: it is a test of a set-up. No channel but SvarInn carries it, for
	// so long, without guarantee, and nobody is alarmed; 0: a letter like others.
	BareSvarInn    time.Duration
	Taushetsbelagt bool   // Altinn's service for confidential post
	KorrelasjonsID string // the sender's
}

// Adresse is of a person or an organisation; at most one of Fnr and Orgnr is set.
type Adresse struct {
	Navn                                        string
	Fnr, Orgnr                                  string
	Adresselinje1, Adresselinje2, Adresselinje3 string
	Postnummer, Poststed                        string
	Land                                        string // name or ISO 3166 code as sent; "" is Norway
}

// Lenke is a link that goes with a forsendelse.
type Lenke struct{ URL, Tekst, Ledetekst string }

// Nokkelverdi is one entry of ekstraMetadata.
type Nokkelverdi struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

// Noark is the archive's metadata. Numbers are 0 and times zero when unset.
type Noark struct {
	Saksaar, Sakssekvensnummer                          int
	Journalaar, Journalsekvensnummer, Journalpostnummer int
	Journalposttype, Journalstatus                      string
	Journaldato, DokumentetsDato                        time.Time
	Tittel, Saksbehandler                               string
	EkstraMetadata                                      []Nokkelverdi
}
