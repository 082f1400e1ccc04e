package bekymringsmelding

import (
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/google/uuid"

	"knutepunkt/asice"
	"knutepunkt/cms"
	"knutepunkt/internal/auth"
	"knutepunkt/internal/bekymringsmelding/skjema"
	"knutepunkt/internal/blob"
	"knutepunkt/internal/feil"
	"knutepunkt/internal/httpx"
	"knutepunkt/internal/keys"
)

const (
	maksSkjema = 1 << 20 // bytes of a form
	// portalkanal is how a document from the portal says that it came (§11).
	portalkanal = "Nasjonal portal for bekymringsmelding"
	// ukjentNavn is the reporter's when no register knows it: the concern is delivered
	// all the same.
	ukjentNavn = "Innlogget med ID-porten, navnet er ikke hentet"
)

// Dokument is a form that is filled in: skjema.Privat and skjema.Offentlig are.
type Dokument interface {
	Dokument(v skjema.Versjon) ([]byte, error)
	PDF(w io.Writer, o skjema.PDFInfo) error
}

// Innsending is a form that a person sends.
type Innsending struct {
	Bydel   Bydel
	Versjon skjema.Versjon
	Type    skjema.Type
	// Lag makes the document, with what the server sets (§5): who the reporter is, when
	// it was sent, and how.
	Lag    func(navn string, sendt time.Time, leveringskanal string) Dokument
	Spraak string // of the PDF: nb or nn; "" is nb
	// Nokkel is the form's own; the same sent twice is one report. "" for none.
	Nokkel string
	Tid    time.Time // when it was first sent, to the second: tried again it is the same to the byte; zero: now
}

// Sendt is what the reporter gets: the reference, and the same PDF as the receiver. The
// PDF is nowhere but here.
type Sendt struct {
	ID    string
	Tid   time.Time
	PDF   []byte
	Bydel Bydel
}

// skjemaRuter are the endpoints of the portal's backend (§5).
func (s *Service) skjemaRuter() []auth.Route {
	t := auth.Tilgang{Slag: auth.IntegrasjonPerson | auth.Person, Niva: mottaksniva, Merknad: "en portals integrasjon må ha " + auth.BekymringSkjema}
	var ut []auth.Route
	for _, v := range []skjema.Versjon{skjema.V1, skjema.V2} {
		rot := "POST /bekymringsmelding/api/" + strings.ToLower(string(v)) + "/mottak/skjema/"
		ut = append(ut,
			auth.Route{Pattern: rot + "privat", Tilgang: t, Handler: s.postSkjema(v, skjema.TypePrivat), MaxBody: maksSkjema},
			auth.Route{Pattern: rot + "offentlig", Tilgang: t, Handler: s.postSkjema(v, skjema.TypeOffentlig), MaxBody: maksSkjema},
		)
	}
	return ut
}

func (s *Service) postSkjema(v skjema.Versjon, typ skjema.Type) httpx.Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		ctx := r.Context()
		av := auth.From(ctx)
		if av.Slag == auth.IntegrasjonPerson {
			ja, err := s.Organisasjon.HarNoen(ctx, av.IntegrasjonID, auth.BekymringSkjema)
			if err != nil {
				return err
			}
			if !ja {
				return feil.Ny(feil.IngenTilgang, "Integrasjonen kan ikke sende skjema for innloggede personer")
			}
		}
		kropp, err := io.ReadAll(r.Body)
		if err != nil {
			return err
		}
		inn, err := lesSkjema(v, typ, bytes.NewReader(kropp))
		if err != nil {
			return skjemafeil(err)
		}
		if inn.Bydel, err = s.aktivBydel(ctx, inn.Bydel.Kommunenummer, inn.Bydel.Bydelsnummer); err != nil {
			return err
		}
		ut, err := s.Send(ctx, av, inn)
		if err != nil {
			return err
		}
		return svarUUID(w, ut.ID)
	}
}

// lesSkjema reads a request; of the bydel the numbers alone are set.
func lesSkjema(v skjema.Versjon, typ skjema.Type, r io.Reader) (Innsending, error) {
	ut := Innsending{Versjon: v, Type: typ}
	if typ == skjema.TypePrivat {
		p, err := skjema.LesPrivat(v, r)
		ut.Bydel.Kommunenummer, ut.Bydel.Bydelsnummer = p.Kommunenummer, p.Bydelsnummer
		ut.Lag = func(navn string, sendt time.Time, kanal string) Dokument {
			p.PrivatMelder.Personnavn, p.Sendingstidspunkt, p.Leveringskanal = navn, skjema.Tidspunkt(sendt), kanal
			return p
		}
		return ut, err
	}
	o, err := skjema.LesOffentlig(v, r)
	ut.Bydel.Kommunenummer, ut.Bydel.Bydelsnummer = o.Kommunenummer, o.Bydelsnummer
	ut.Lag = func(navn string, sendt time.Time, kanal string) Dokument {
		o.OffentligMelder.Personnavn, o.Sendingstidspunkt, o.Leveringskanal = navn, skjema.Tidspunkt(sendt), kanal
		return o
	}
	return ut, err
}

// skjemafeil tells which members are wrong, and never what stands in them.
func skjemafeil(err error) error {
	if u, ok := errors.AsType[*skjema.Ugyldig](err); ok {
		f := medKode(feil.Ny(feil.Ugyldig, "Skjemaet er ikke gyldig. Rett feltene som er oppgitt, og send igjen"), KodeUgyldigSkjema)
		f.ErrorJSON = map[string]any{"feil": u.Feil}
		return f
	}
	return err
}

// Meldernavn is the reporter's name from the login (§5), as the document has it; kjent is
// false when it says instead that no register gave one.
func (s *Service) Meldernavn(ctx context.Context, fnr string) (navn string, kjent bool) {
	navn = s.navnet(ctx, fnr)
	return navn, navn != ukjentNavn
}

func (s *Service) navnet(ctx context.Context, fnr string) string {
	if s.Navn == nil || fnr == "" {
		return ukjentNavn
	}
	navn, err := s.Navn(ctx, fnr)
	if err != nil { // a register that is down holds up no concern
		s.Log.WarnContext(ctx, "the name of a reporter could not be looked up", "err", httpx.Mask(err.Error()))
	}
	if navn = strings.Join(strings.Fields(navn), " "); navn == "" {
		return ukjentNavn
	}
	return navn
}

// Send makes the document and the PDF of a form, signs and encrypts them to receiver
// and printer, and takes responsibility for the report as for a producer's. av is the
// person who is logged in; who that is, is in the document alone. Of the same Nokkel
// there is one report. feil.Ugyldig (UGYLDIG_SKJEMA, VERSJON_IKKE_STOTTET),
// feil.ForStor.
func (s *Service) Send(ctx context.Context, av auth.Caller, inn Innsending) (ut Sendt, err error) {
	if err := sjekkVersjon(inn.Versjon, inn.Bydel); err != nil {
		return ut, err
	}
	b := inn.Bydel
	ut = Sendt{ID: uuid.NewString(), Tid: inn.Tid, Bydel: b}
	if ut.Tid.IsZero() {
		ut.Tid = s.Klokke.Now().Truncate(time.Second)
	}
	if inn.Nokkel != "" { // the PDF shows the id, so it is decided before
		ut.ID = uuid.NewSHA1(uuid.Nil, []byte(s.Ring.Lookup("bekymring.skjema", av.Fnr+":"+inn.Nokkel))).String()
	}
	d := inn.Lag(s.navnet(ctx, av.Fnr), ut.Tid, portalkanal)
	dokumentet, err := d.Dokument(inn.Versjon)
	if err != nil {
		return ut, skjemafeil(err)
	}
	slipp, err := taPlass(ctx, s.lages)
	if err != nil {
		return ut, err
	}
	defer slipp()
	spraak := inn.Spraak
	if spraak == "" {
		spraak = "nb"
	}
	p := b.postadresse()
	var pdf bytes.Buffer
	if err := d.PDF(&pdf, skjema.PDFInfo{Referanse: ut.ID, Sendt: ut.Tid, Spraak: spraak,
		Mottaker: linjer(p.Navn, p.Adresselinje1, p.Adresselinje2, p.Adresselinje3, p.Postnummer+" "+p.Poststed)}); err != nil {
		return ut, fmt.Errorf("writing the PDF of a report: %w", err)
	}
	ut.PDF = pdf.Bytes()
	n := nyMelding{ID: ut.ID, Bydel: b, Versjon: inn.Versjon, Type: inn.Type, Avsender: av}
	defer func() { n.forkast() }()
	if err := s.pakk(ctx, &n, dokumentet, ut.PDF); err != nil {
		return ut, err
	}
	_, err = s.taImot(ctx, n)
	return ut, err
}

func linjer(alle ...string) (ut []string) {
	for _, l := range alle {
		if l = strings.TrimSpace(l); l != "" {
			ut = append(ut, l)
		}
	}
	return ut
}

// pakk writes both encrypted parts to where they stay.
func (s *Service) pakk(ctx context.Context, n *nyMelding, dokumentet, pdf []byte) error {
	par, err := s.Nokler(ctx, n.Bydel)
	if feil.Er(err, feil.IkkeFunnet) && n.Bydel.Kanal == KanalFiksIO {
		// The konto has no key to encrypt to. A form is for a person who is there now: it
		// is taken, and goes as a letter.
		n.Bydel.Kanal = KanalPrint
		par, err = s.Nokler(ctx, n.Bydel)
	}
	if err != nil {
		return err
	}
	signering, err := s.Ring.Platform(ctx, keys.Signering)
	if err != nil {
		return fmt.Errorf("finding the signing key: %w", err)
	}
	if n.PDF, err = s.krypter(ctx, par.Print, func(w io.Writer) error {
		_, err := w.Write(pdf)
		return err
	}); err != nil {
		return err
	}
	n.Asice, err = s.krypter(ctx, par.Mottaker, func(w io.Writer) error {
		k := signering[0]
		pakke, err := asice.NewWriter(w, asice.Key{Signer: k.Key, Chain: []*x509.Certificate{k.Certificate}}, asice.WriterOptions{Time: s.Klokke.Now()})
		if err != nil {
			return err
		}
		if err := pakke.Add(navnJSON, "application/json", bytes.NewReader(dokumentet)); err != nil { // first: the root entry (§12)
			return err
		}
		if err := pakke.Add(navnPDF, "application/pdf", bytes.NewReader(pdf)); err != nil {
			return err
		}
		return pakke.Close()
	})
	if err != nil {
		return err
	}
	if n.PDF.Size()+n.Asice.Size() > s.cfg.MaksBytes {
		return medKode(feil.Ny(feil.ForStor, "Bekymringsmeldingen er for lang. Kort ned teksten og send igjen"), KodeForStor)
	}
	return nil
}

// krypter writes what fn writes, encrypted to a certificate, to a new blob.
func (s *Service) krypter(ctx context.Context, til *x509.Certificate, fn func(w io.Writer) error) (_ *blob.Writer, err error) {
	w := s.Blobs.Create(ctx)
	defer func() {
		if err != nil {
			w.Discard()
		}
	}()
	kryptert, err := cms.NewWriter(w, til)
	if err != nil {
		return nil, fmt.Errorf("encrypting a report: %w", err)
	}
	if err := errors.Join(fn(kryptert), kryptert.Close(), w.Close()); err != nil {
		return nil, fmt.Errorf("encrypting a report: %w", err)
	}
	return w, nil
}
