package bekymringsmelding

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"github.com/google/uuid"

	"knutepunkt/cms"
	"knutepunkt/internal/audit"
	"knutepunkt/internal/auth"
	"knutepunkt/internal/bekymringsmelding/skjema"
	"knutepunkt/internal/blob"
	"knutepunkt/internal/feil"
	"knutepunkt/internal/httpx"
	"knutepunkt/internal/keys"
	"knutepunkt/internal/klokke"
	"knutepunkt/internal/levering"
	"knutepunkt/internal/organisasjon"
	"knutepunkt/internal/store"
)

const (
	// rundtDelene is how many bytes a request may have beside its two parts.
	rundtDelene = 256 << 10
	// cmsHode is how much of a part is read to find whom it is encrypted to.
	cmsHode = 64 << 10
	// maksTomming bounds what is read of a body after its request was refused.
	maksTomming = 64 << 20
)

// Names of the two parts (§4.2).
const (
	delPDF   = "bekymringsmelding"
	delAsice = "asice"
)

var (
	kommuneForm = regexp.MustCompile(`^[0-9]{4}$`)
	bydelForm   = regexp.MustCompile(`^[0-9]{2}$`)
)

// mottakRuter are the endpoints of producers (§4.2, §4.3).
func (s *Service) mottakRuter() []auth.Route {
	produsent := auth.Tilgang{Slag: auth.Integrasjon, Privilegium: auth.BekymringSend, Ressurs: s.avsendersTjeneste,
		Merknad: "på tjenesten til organisasjonen det sendes for"}
	egne := produsent
	egne.Merknad = "bare meldinger sendt for samme organisasjon"
	var ut []auth.Route
	for _, v := range []skjema.Versjon{skjema.V1, skjema.V2} {
		rot := "/bekymringsmelding/api/" + strings.ToLower(string(v)) + "/mottak/fagsystem/{fraFiksOrgId}/"
		ut = append(ut,
			auth.Route{Pattern: "POST " + rot + "{kommunenummer}/{bydelsnummer}/{type}", Tilgang: produsent, Handler: tomKropp(s.postMelding(v))},
			auth.Route{Pattern: "GET " + rot + "bekymringsmelding/{bekymringsmeldingId}/status", Tilgang: egne, Handler: s.getStatus},
		)
	}
	return ut
}

// avsendersTjeneste is the service of the organisation that is sent for. One
// without it looks like one that the caller has no right to.
func (s *Service) avsendersTjeneste(ctx context.Context, r *http.Request) (string, error) {
	org, err := uuidFra("fraFiksOrgId", r.PathValue("fraFiksOrgId"))
	if err != nil {
		return "", err
	}
	id, err := s.Organisasjon.TjenesteRessurs(ctx, org, organisasjon.TypeBekymringsmelding)
	if feil.Er(err, feil.IkkeFunnet) {
		return "", feil.Ny(feil.IngenTilgang, "Integrasjonen kan ikke sende bekymringsmeldinger for organisasjonen")
	}
	return id, err
}

// uuidFra is an id of a path in its canonical form; feil.Ugyldig.
func uuidFra(navn, verdi string) (string, error) {
	id, err := uuid.Parse(verdi)
	if err != nil || len(verdi) != 36 {
		return "", feil.Ny(feil.Ugyldig, "%s må være en UUID", navn)
	}
	return id.String(), nil
}

// tomKropp reads the rest of the body of a request that was refused before its end:
// a client that is still writing would else see a broken connection and no answer.
func tomKropp(h httpx.Handler) httpx.Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		err := h(w, r)
		if err != nil && r.Body != nil {
			_, _ = io.CopyN(io.Discard, r.Body, maksTomming)
		}
		return err
	}
}

func medKode(f *feil.Feil, kode string) *feil.Feil {
	f.ErrorCode = kode
	return f
}

// bydelIStien finds the bydel that a path names; feil.Ugyldig, feil.IkkeFunnet.
func (s *Service) bydelIStien(r *http.Request) (Bydel, error) {
	kommune, bydel := r.PathValue("kommunenummer"), r.PathValue("bydelsnummer")
	if !kommuneForm.MatchString(kommune) {
		return Bydel{}, feil.Ny(feil.Ugyldig, "kommunenummer må ha 4 siffer")
	}
	if !bydelForm.MatchString(bydel) {
		return Bydel{}, feil.Ny(feil.Ugyldig, "bydelsnummer må ha 2 siffer")
	}
	return s.aktivBydel(r.Context(), kommune, bydel)
}

// aktivBydel finds a bydel that can receive; feil.IkkeFunnet.
func (s *Service) aktivBydel(ctx context.Context, kommune, nummer string) (Bydel, error) {
	b, err := s.Bydel(ctx, kommune, nummer)
	if feil.Er(err, feil.IkkeFunnet) {
		return b, medKode(feil.Ny(feil.IkkeFunnet, "Bydel %s i kommune %s kan ikke motta bekymringsmeldinger", nummer, kommune), KodeBydelIkkeAktiv)
	}
	return b, err
}

// sjekkVersjon: what is sent as v2 needs a bydel that reads it (§4.2).
func sjekkVersjon(v skjema.Versjon, b Bydel) error {
	if v == skjema.V2 && b.StottetVersjon != skjema.V2 {
		return medKode(feil.Ny(feil.Ugyldig, "Bydel %s i kommune %s støtter ikke versjon 2. Send med /api/v1/", b.Bydelsnummer, b.Kommunenummer),
			KodeVersjonIkkeStottet)
	}
	return nil
}

func (s *Service) postMelding(v skjema.Versjon) httpx.Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		ctx := r.Context()
		fraOrg, err := uuidFra("fraFiksOrgId", r.PathValue("fraFiksOrgId"))
		if err != nil {
			return err
		}
		var typ skjema.Type
		switch r.PathValue("type") {
		case "privat":
			typ = skjema.TypePrivat
		case "offentlig":
			typ = skjema.TypeOffentlig
		default:
			return feil.Ny(feil.IkkeFunnet, "Adressen må slutte med privat eller offentlig")
		}
		bydel, err := s.bydelIStien(r)
		if err != nil {
			return err
		}
		if err := sjekkVersjon(v, bydel); err != nil {
			return err
		}
		n, err := s.lesInnsending(r, bydel)
		defer n.forkast()
		if err != nil {
			return err
		}
		n.FraOrg, n.FraFagsystem, n.Bydel, n.Versjon, n.Type = fraOrg, true, bydel, v, typ
		n.Avsender = auth.From(ctx)
		id, err := s.taImot(ctx, n)
		if err != nil {
			return err
		}
		return svarUUID(w, id)
	}
}

func svarUUID(w http.ResponseWriter, id string) error {
	return httpx.JSON(w, http.StatusCreated, struct {
		UUID string `json:"uuid"`
	}{id})
}

// nyMelding is a report that is ready to be stored: its parts are written, and
// encrypted to printer and receiver.
type nyMelding struct {
	ID           string // "": a new one
	FraOrg       string
	FraFagsystem bool
	Bydel        Bydel
	Versjon      skjema.Versjon
	Type         skjema.Type
	Avsender     auth.Caller
	PDF, Asice   *blob.Writer
	sum          string // of what was sent in; "" when each sending is a new one
}

func (n nyMelding) forkast() {
	for _, w := range []*blob.Writer{n.PDF, n.Asice} {
		if w != nil {
			w.Discard()
		}
	}
}

// innleser reads the parts of one request.
type innleser struct {
	s    *Service
	rest int64 // bytes that the parts may still have
}

func (l *innleser) forStor() error {
	return medKode(feil.Ny(feil.ForStor, "Bekymringsmeldingen er for stor: delene %s og %s kan ha høyst %d byte til sammen",
		delPDF, delAsice, l.s.cfg.MaksBytes), KodeForStor)
}

// lesInnsending streams both parts to where they stay. feil.ForStor above the limit
// (§4.2), feil.Ugyldig for what is missing, no CMS, or encrypted to somebody else.
func (s *Service) lesInnsending(r *http.Request, b Bydel) (n nyMelding, err error) {
	ctx := r.Context()
	nokler, err := s.gyldigeNokler(ctx, b)
	if feil.Er(err, feil.IkkeFunnet) {
		return n, feil.Ny(feil.Utilgjengelig, "Mottakeren har ingen gyldig nøkkel nå. Prøv igjen senere, eller meld fra på telefon").Med(err)
	} else if err != nil {
		return n, err
	}
	deler, err := httpx.LesDeler(r, s.cfg.MaksBytes+rundtDelene)
	if err != nil {
		return n, err
	}
	l := innleser{s: s, rest: s.cfg.MaksBytes}
	summer := map[string][]byte{}
	for {
		d, err := deler.Neste()
		if err == io.EOF {
			break
		}
		if feil.Er(err, feil.ForStor) {
			return n, l.forStor()
		}
		if err != nil {
			return n, err
		}
		var til **blob.Writer
		var mottakere []*x509.Certificate
		switch d.Navn {
		case delPDF:
			til, mottakere = &n.PDF, nokler.print
		case delAsice:
			til, mottakere = &n.Asice, nokler.mottaker
		default:
			continue // unknown parts mean nothing
		}
		if *til != nil {
			return n, feil.Ny(feil.Ugyldig, "Delen %s finnes mer enn én gang", d.Navn)
		}
		h := sha256.New()
		*til = s.Blobs.Create(ctx)
		if err := l.del(*til, h, d, mottakere); err != nil {
			return n, deler.Feil(err)
		}
		summer[d.Navn] = h.Sum(nil)
	}
	for navn, w := range map[string]*blob.Writer{delPDF: n.PDF, delAsice: n.Asice} {
		if w == nil || w.Size() == 0 {
			return n, medKode(feil.Ny(feil.Ugyldig, "Forespørselen må ha delene %s og %s, og %s mangler eller er tom", delPDF, delAsice, navn), KodeManglerFil)
		}
	}
	n.sum = hex.EncodeToString(summer[delPDF]) + hex.EncodeToString(summer[delAsice])
	return n, nil
}

// del writes one part as it came.
func (l *innleser) del(w *blob.Writer, h hash.Hash, d httpx.Del, mottakere []*x509.Certificate) error {
	hode := make([]byte, cmsHode)
	n, err := io.ReadFull(d.Innhold, hode)
	if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
		return err
	}
	hode = hode[:n]
	if n == 0 {
		return w.Close() // told of as missing
	}
	if err := sjekkMottaker(d.Navn, hode, mottakere); err != nil {
		return err
	}
	lest, err := io.Copy(io.MultiWriter(w, h), io.LimitReader(io.MultiReader(bytes.NewReader(hode), d.Innhold), l.rest+1))
	if err != nil {
		return err
	}
	if l.rest -= lest; l.rest < 0 {
		return l.forStor()
	}
	return w.Close()
}

// sjekkMottaker tells whether a part is CMS EnvelopedData to one of the certificates.
func sjekkMottaker(navn string, hode []byte, mottakere []*x509.Certificate) error {
	h, err := cms.Inspect(bytes.NewReader(hode))
	if err != nil || h.Authenticated {
		return feil.Ny(feil.Ugyldig, "Delen %s er ikke kryptert som CMS EnvelopedData", navn).Med(err)
	}
	for _, til := range h.Recipients {
		if slices.ContainsFunc(mottakere, til.Matches) {
			return nil
		}
	}
	return feil.Ny(feil.Ugyldig, "Delen %s er ikke kryptert til gjeldende nøkkel. Hent krypteringsnokler på nytt, krypter og send igjen", navn)
}

// godtatteNokler are those that a producer may have encrypted to: the current ones,
// and those that were handed out before them.
type godtatteNokler struct{ print, mottaker []*x509.Certificate }

func (s *Service) gyldigeNokler(ctx context.Context, b Bydel) (ut godtatteNokler, err error) {
	par, err := s.Nokler(ctx, b)
	if err != nil {
		return ut, err
	}
	ut.print = append([]*x509.Certificate{par.Print}, s.cfg.PrintForrige...)
	ut.mottaker = []*x509.Certificate{par.Mottaker}
	if b.Kanal == KanalFiksIO {
		forrige, byttet, err := s.FiksIO.ForrigeSertifikat(ctx, b.FiksIOKontoID)
		switch {
		case err == nil && s.Klokke.Now().Before(byttet.Add(s.cfg.Nokkelbytte)):
			ut.mottaker = append(ut.mottaker, forrige)
		case err != nil && !feil.Er(err, feil.IkkeFunnet):
			return ut, err
		}
		return ut, nil
	}
	plattform, err := s.Ring.Platform(ctx, keys.Bekymringsmelding) // the platform's own, of which it has the one before
	if err != nil {
		return ut, fmt.Errorf("finding the platform's keys: %w", err)
	}
	for _, p := range plattform {
		ut.mottaker = append(ut.mottaker, p.Certificate)
	}
	return ut, nil
}

// taImot takes responsibility for a report: both parts, its row, its delivery with
// plan and deadline, the job that drives it and the audit event are committed
// together. The very same bytes sent twice give the same id. On an error nothing of
// it exists.
func (s *Service) taImot(ctx context.Context, n nyMelding) (id string, err error) {
	b := n.Bydel
	if n.ID == "" {
		n.ID = uuid.NewString()
	}
	m := Melding{
		ID: n.ID, FraOrg: n.FraOrg, FraFagsystem: n.FraFagsystem, FiksOrgID: b.FiksOrgID,
		Kommunenummer: b.Kommunenummer, Bydelsnummer: b.Bydelsnummer, Bydelsnavn: b.Navn, RessursID: b.RessursID,
		Type: n.Type, Versjon: n.Versjon, Kanal: b.Kanal, Tilstand: Akseptert, NaaKanal: b.Kanal,
		Innsendt: s.Klokke.Now(), digitalRunde: 1, pdfBlob: n.PDF.ID(), asiceBlob: n.Asice.ID(),
	}
	switch b.Kanal {
	case KanalFiksIO:
		m.KontoID = b.FiksIOKontoID
	case KanalSvarInn:
		m.IntegrasjonID = b.IntegrasjonID
	}
	innsending := m.ID
	if n.sum != "" {
		innsending = s.Ring.Lookup("bekymring.innsending", strings.Join([]string{n.FraOrg, b.RessursID, string(n.Type), string(n.Versjon), n.sum}, ":"))
	}
	var ny bool
	err = s.DB.Write(ctx, func(tx *store.Tx) error {
		if ny, err = settInnMelding(ctx, tx, m, innsending); err != nil {
			return err
		}
		if !ny {
			id, err = innsendtSom(ctx, tx, innsending, m.ID)
			return err
		}
		for _, w := range []*blob.Writer{n.PDF, n.Asice} {
			if err := w.Commit(ctx, tx); err != nil {
				return err
			}
		}
		if err := s.skrivHendelse(ctx, tx, m.ID, Hendelse{Tilstand: Akseptert, Offentlig: true}); err != nil {
			return err
		}
		if err := s.Levering.Opprett(ctx, tx, levering.Ny{ID: m.ID, Kilde: Kilde, KildeID: m.ID, FiksOrgID: m.FiksOrgID, Plan: s.plan(b.Kanal)}); err != nil {
			return fmt.Errorf("making the delivery of %s: %w", m.ID, err)
		}
		tx.OnCommit(func() { s.Jobber.Wake(ikkeSendtPlikt) })
		return s.logg(ctx, tx, audit.Hendelse{Principal: utenPerson(n.Avsender), Handling: "BEKYMRINGSMELDING_MOTTATT",
			FiksOrg: m.FiksOrgID, Underressurs: m.ID, Payload: m.ID})
	})
	if err != nil {
		return "", err
	}
	if !ny {
		return id, nil
	}
	return m.ID, nil
}

// utenPerson is a caller without who the person is: who reported is in the content
// of the report alone.
func utenPerson(c auth.Caller) auth.Caller {
	c.Fnr = ""
	return c
}

// lokaltid is a time as the producers' client parses it: Norwegian local time without
// offset (§4.3, §16).
const lokaltid = "2006-01-02T15:04:05.000"

// getStatus lists the states of a report, oldest first (§4.3).
func (s *Service) getStatus(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	fraOrg, err := uuidFra("fraFiksOrgId", r.PathValue("fraFiksOrgId"))
	if err != nil {
		return err
	}
	id, err := uuidFra("bekymringsmeldingId", r.PathValue("bekymringsmeldingId"))
	if err != nil {
		return err
	}
	m, err := hentMelding(ctx, s.DB.Read(), id)
	if err != nil {
		return err
	}
	if m.FraOrg != fraOrg {
		return ukjentMelding()
	}
	alle, err := s.hendelser(ctx, s.DB.Read(), id)
	if err != nil {
		return err
	}
	type status struct {
		ID          string   `json:"bekymringsmeldingId"`
		Tidspunkt   string   `json:"tidspunkt"`
		Tilstand    Tilstand `json:"tilstand"`
		Beskrivelse string   `json:"beskrivelse,omitempty"`
	}
	ut := []status{}
	for _, h := range alle {
		if h.Offentlig {
			ut = append(ut, status{m.ID, klokke.Oslo(h.Tidspunkt).Format(lokaltid), h.Tilstand, h.beskrivelse()})
		}
	}
	return httpx.JSON(w, http.StatusOK, ut)
}
