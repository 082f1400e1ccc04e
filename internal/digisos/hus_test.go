package digisos

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/textproto"
	"strings"
	"sync"
	"testing"

	"knutepunkt/api/apitest"
	"knutepunkt/cms"
	"knutepunkt/internal/audit"
	"knutepunkt/internal/auth"
	"knutepunkt/internal/dokumentlager"
	"knutepunkt/internal/fiksio"
	"knutepunkt/internal/grunntest"
	"knutepunkt/internal/httpx"
	"knutepunkt/internal/levering"
	"knutepunkt/internal/organisasjon"
	"knutepunkt/internal/store"
)

// Ids and people of the test house.
const (
	orgNAV    = "00000000-0000-4000-8000-00000000000a"
	orgOslo   = "00000000-0000-4000-8000-000000000301"
	orgBergen = "00000000-0000-4000-8000-000000004601"
	kontoOslo = "00000000-0000-4000-9000-000000000301" // Fiks IO

	kari = "01870112345" // synthetic: month + 80
	ola  = "02870254321"
)

var (
	nav     = auth.Caller{Slag: auth.Integrasjon, IntegrasjonID: "10000000-0000-4000-8000-000000000001", Orgnr: "889640782"}
	fagOslo = auth.Caller{Slag: auth.Integrasjon, IntegrasjonID: "10000000-0000-4000-8000-000000000002", Orgnr: "958935420"}
	fagBerg = auth.Caller{Slag: auth.Integrasjon, IntegrasjonID: "10000000-0000-4000-8000-000000000003", Orgnr: "964338531"}
	adminOs = auth.Caller{Slag: auth.Person, Fnr: "03870311111", Niva: 4}
	anonym  = auth.Caller{Slag: auth.Anonym}
)

// innbygger is a citizen who is logged in at NAV.
func innbygger(fnr string) auth.Caller {
	c := nav
	c.Slag, c.Fnr, c.Niva = auth.IntegrasjonPerson, fnr, 4
	return c
}

// hus is the room on its real ground floor, behind its real guard. Who calls is
// set per request; the channels of delivery are recorders.
type hus struct {
	*grunntest.Grunn
	s              *Service
	lev            *levering.Service
	dok            *dokumentlager.Service
	revisjon       *audit.Service
	org            *organisasjon.Service
	fio            *fiksio.Service
	fiksIO, svarUt *kanal
	router         *httpx.Router
	transport      http.RoundTripper
}

// rettigheter is the authorisation of the test house: "aktor privilegium ressurs";
// the ressurs of an organisation's service is asked of organisasjon.
type rettigheter struct{ h *hus }

func (r rettigheter) HarNoen(_ context.Context, aktor, privilegium string) (bool, error) {
	return aktor == nav.IntegrasjonID && privilegium == auth.DigisosNAV, nil
}

func (r rettigheter) Har(ctx context.Context, aktor, privilegium, ressurs string) (bool, error) {
	if privilegium == auth.Admin {
		return aktor == adminOs.Fnr && ressurs == orgOslo, nil
	}
	for fag, org := range map[string]string{fagOslo.IntegrasjonID: orgOslo, fagBerg.IntegrasjonID: orgBergen} {
		tjeneste, err := r.h.org.TjenesteRessurs(ctx, org, organisasjon.TypeDigisos)
		if err != nil {
			return false, err
		}
		if privilegium == auth.DigisosOppdater && ressurs == tjeneste && (aktor == fag || aktor == adminOs.Fnr && org == orgOslo) {
			return true, nil
		}
	}
	return false, nil
}

// Request takes the caller that the test put into the context.
func (rettigheter) Request(r *http.Request) (auth.Caller, error) { return auth.From(r.Context()), nil }

func nyttHus(t testing.TB, cfg ...Config) *hus {
	t.Helper()
	h := byggHus(t, grunntest.Ny(t, audit.Migrations(), organisasjon.Migrations(), dokumentlager.Migrations(),
		levering.Migrations(), fiksio.Migrations(), Migrations()), cfg...)
	ctx := auth.With(t.Context(), adminOs)
	for _, o := range []organisasjon.Organisasjon{
		{ID: orgNAV, Navn: "NAV", Type: "STATLIG_VIRKSOMHET", Orgnr: "889640782"},
		{ID: orgOslo, Navn: "Oslo", Type: "KOMMUNE", Kommunenummer: "0301", Orgnr: "958935420"},
		{ID: orgBergen, Navn: "Bergen", Type: "KOMMUNE", Kommunenummer: "4601", Orgnr: "964338531"},
	} {
		h.write(t, func(tx *store.Tx) error { _, err := h.org.OpprettOrganisasjon(ctx, tx, o); return err })
	}
	h.kontoOgAdresse(t, kontoOslo, orgOslo, fiksio.Identifikator{Type: "ORG_NO", Verdi: "958935420"})
	must(t, h.s.Klargjor(ctx))
	must(t, h.s.Klargjor(ctx)) // idempotent
	must(t, h.s.OpprettKonfigurasjon(ctx, orgOslo, konfig()))
	bergen := konfig()
	bergen.BrukerFiksIO, bergen.FiksIOKontoID = false, ""
	must(t, h.s.OpprettKonfigurasjon(ctx, orgBergen, bergen))
	return h
}

func byggHus(t testing.TB, g *grunntest.Grunn, cfg ...Config) *hus {
	t.Helper()
	h := &hus{Grunn: g, fiksIO: &kanal{navn: levering.KanalFiksIO, db: g.DB}, svarUt: &kanal{navn: levering.KanalSvarUt, db: g.DB}}
	log := slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))
	h.revisjon = audit.NewService(g.DB, g.Ring, g.Klokke)
	h.org = organisasjon.New(g.DB, g.Ring, g.Klokke, h.revisjon)
	h.dok = dokumentlager.NewService(g.DB, g.Ring, g.Blobs, g.Klokke, g.Jobs, h.org)
	h.lev = levering.NewService(g.DB, g.Klokke, g.Jobs, g.Mail, log, levering.Config{})
	h.lev.RegistrerKanal(h.fiksIO)
	h.lev.RegistrerKanal(h.svarUt)
	var err error
	h.fio, err = fiksio.New(t.Context(), fiksio.Deps{DB: g.DB, Klokke: g.Klokke, Ring: g.Ring, Blobs: g.Blobs, Jobs: g.Jobs,
		Organisasjon: h.org, Dokumentlager: h.dok, Tilgang: h.org, Log: log})
	must(t, err)
	c := Config{}
	if len(cfg) > 0 {
		c = cfg[0]
	}
	c.MellomlagringOrgID = orgNAV
	h.s, err = NewService(Deps{DB: g.DB, Ring: g.Ring, Klokke: g.Klokke, Jobber: g.Jobs, Organisasjon: h.org,
		Dokumentlager: h.dok, Levering: h.lev, FiksIO: h.fio, Audit: h.revisjon, Mail: g.Mail, Log: log}, c)
	must(t, err)
	h.router = &httpx.Router{Klokke: g.Klokke, Log: log}
	must(t, auth.Guard(h.router, rettigheter{h}, rettigheter{h}, h.s.Routes()))
	h.transport = apitest.Transport(t, apitest.Handler(h.router))
	return h
}

// kontoOgAdresse makes a Fiks IO konto that takes Digisos at one address.
func (h *hus) kontoOgAdresse(t testing.TB, id, org string, ident fiksio.Identifikator) {
	t.Helper()
	h.write(t, func(tx *store.Tx) error {
		if _, err := h.fio.OpprettKonto(t.Context(), tx, fiksio.Konto{ID: id, FiksOrgID: org, Navn: "Fagsystem", Aktiv: true}); err != nil {
			return err
		}
		_, err := h.fio.OpprettAdresse(t.Context(), tx, fiksio.Adresse{KontoID: id, Beskrivelse: "Digisos", Aktiv: true,
			Identifikatorer: []fiksio.Identifikator{ident}, Protokoller: []string{Protokoll}, Nivaer: []int{3, 4}})
		return err
	})
}

func konfig() KommuneKonfigurasjon {
	return KommuneKonfigurasjon{
		StotterOppdateringer: true, Aktivert: true, BrukerFiksIO: true, FiksIOKontoID: kontoOslo,
		OrganisasjonsnummerSvarUt: "974778866", NksTilgang: true, Behandlingsansvarlig: "Oslo",
		Postadresse:     Postadresse{Navn: "NAV Frogner", Adresselinje1: "Sørkedalsveien 1", Postnummer: "0369", Poststed: "Oslo"},
		Kontaktpersoner: Kontakter{FagansvarligEpost: []string{"fag@oslo.test"}, TekniskAnsvarligEpost: []string{"teknisk@oslo.test"}},
	}
}

// settKonfig changes the configuration of Oslo.
func (h *hus) settKonfig(t testing.TB, endre func(*KommuneKonfigurasjon)) {
	t.Helper()
	k := konfig()
	endre(&k)
	_, err := h.s.EndreKonfigurasjon(auth.With(t.Context(), adminOs), orgOslo, k)
	must(t, err)
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (h *hus) write(t testing.TB, fn func(tx *store.Tx) error) {
	t.Helper()
	must(t, h.DB.Write(t.Context(), fn))
}

// antall counts rows.
func (h *hus) antall(t testing.TB, hva string, args ...any) int {
	t.Helper()
	var n int
	must(t, h.DB.Read().QueryRowContext(t.Context(), `SELECT count(*) FROM `+hva, args...).Scan(&n))
	return n
}

// kanal is a channel that records what it is given.
type kanal struct {
	navn string
	db   *store.DB
	mu   sync.Mutex
	feil error
	sett []sending
}

type sending struct {
	l     levering.Levering
	f     levering.Forsendelse
	filer map[string]string
	navn  []string
}

func (k *kanal) Navn() string { return k.navn }

func (k *kanal) Send(ctx context.Context, l levering.Levering, f levering.Forsendelse, sendt func(tx *store.Tx) error) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.feil != nil {
		return k.feil
	}
	s := sending{l: l, f: f, filer: map[string]string{}}
	for _, fil := range f.Filer {
		r, err := fil.Apne(ctx)
		if err != nil {
			return err
		}
		b, err := io.ReadAll(r)
		if err := errors.Join(err, r.Close()); err != nil {
			return err
		}
		s.filer[fil.Navn], s.navn = string(b), append(s.navn, fil.Navn)
	}
	if err := k.db.Write(ctx, sendt); err != nil {
		return err
	}
	k.sett = append(k.sett, s)
	return nil
}

// del is one part of a multipart request.
type del struct {
	navn, filnavn, ct string
	innhold           []byte
}

// skjema writes multipart/form-data.
func skjema(deler ...del) (ct string, body []byte) {
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for _, d := range deler {
		cd := fmt.Sprintf(`form-data; name="%s"`, d.navn)
		if d.filnavn != "" {
			cd += fmt.Sprintf(`; filename="%s"`, d.filnavn)
		}
		p, _ := w.CreatePart(textproto.MIMEHeader{"Content-Disposition": {cd}, "Content-Type": {d.ct}})
		_, _ = p.Write(d.innhold)
	}
	_ = w.Close()
	return w.FormDataContentType(), b.Bytes()
}

func jsonDel(navn, innhold string) del {
	return del{navn: navn, ct: "application/json", innhold: []byte(innhold)}
}

// par is a metadata part and its file, encrypted to the platform, as NAV sends them.
func par(t testing.TB, i int, navn, innhold string) []del {
	return []del{
		{navn: fmt.Sprintf("metadata%d", i), ct: "text/plain", innhold: []byte(metadataJSON(navn, len(innhold)))},
		{navn: navn, filnavn: navn, ct: "application/octet-stream", innhold: kryptert(t, innhold)},
	}
}

func metadataJSON(navn string, storrelse int) string {
	b, _ := json.Marshal(httpx.Metadata{Filnavn: navn, Mimetype: "application/pdf", Storrelse: int64(storrelse)})
	return string(b)
}

func kryptert(t testing.TB, innhold string) []byte {
	t.Helper()
	_, cert := grunntest.Plattformnokkel(t)
	var b bytes.Buffer
	w, err := cms.NewWriter(&b, cert)
	must(t, err)
	_, err = io.WriteString(w, innhold)
	must(t, err)
	must(t, w.Close())
	return b.Bytes()
}

func soknadJSON(fnr string) string {
	return `{"version":"1.0.11","data":{"personalia":{"personIdentifikator":{"kilde":"system","verdi":"` + fnr + `"},` +
		`"navn":{"kilde":"system","fornavn":"Kari","mellomnavn":"","etternavn":"Prøve"},"kontonummer":{"kilde":"bruker"}},` +
		`"begrunnelse":{"kilde":"bruker","hvaSokesOm":"Strøm"},"okonomi":{"opplysninger":{"utbetaling":[]}}},` +
		`"mottaker":{"kommunenummer":"0301","enhetsnummer":"0315"},"driftsinformasjon":{"inntektFraSkatteetatenFeilet":false},"kompatibilitet":[]}`
}

const vedleggJSON = `{"vedlegg":[{"type":"annet","status":"LastetOpp","filer":[{"filnavn":"lønn.pdf","sha512":"x"}]}]}`

// soknadDeler is a søknad v2 from NAV: three JSON parts and three PDFs.
func soknadDeler(t testing.TB, fnr string) []del {
	d := []del{
		jsonDel("tilleggsinformasjonJson", `{"enhetsnummer":"0315"}`),
		jsonDel("soknadJson", soknadJSON(fnr)), jsonDel("vedleggJson", vedleggJSON),
	}
	for i, navn := range []string{"Soknad.pdf", "Soknad-juridisk.pdf", "Brukerkvittering.pdf"} {
		d = append(d, par(t, i, navn, "%PDF "+navn)...)
	}
	return d
}

// svar is an answer.
type svar struct {
	*httptest.ResponseRecorder
}

// gjor makes a request as the caller. Each exchange is held to the OpenAPI document.
func (h *hus) gjor(t testing.TB, c auth.Caller, method, path, ct string, body []byte) svar {
	t.Helper()
	r, err := http.NewRequestWithContext(auth.With(t.Context(), c), method, "http://hus.test"+path, bytes.NewReader(body))
	must(t, err)
	if ct != "" {
		r.Header.Set("Content-Type", ct)
	}
	if c.Slag != auth.Anonym {
		r.Header.Set("Authorization", "Bearer x")
	}
	if c.IntegrasjonID != "" {
		r.Header.Set("IntegrasjonId", c.IntegrasjonID)
		r.Header.Set("IntegrasjonPassord", "x")
	}
	resp, err := h.transport.RoundTrip(r)
	must(t, err)
	defer resp.Body.Close()
	w := httptest.NewRecorder()
	w.Code = resp.StatusCode
	maps.Copy(w.Header(), resp.Header)
	_, err = w.Body.ReadFrom(resp.Body)
	must(t, err)
	return svar{w}
}

func (h *hus) send(t testing.TB, c auth.Caller, path string, deler ...del) svar {
	t.Helper()
	ct, body := skjema(deler...)
	return h.gjor(t, c, "POST", path, ct, body)
}

func (h *hus) get(t testing.TB, c auth.Caller, path string) svar {
	t.Helper()
	return h.gjor(t, c, "GET", path, "", nil)
}

func (h *hus) post(t testing.TB, c auth.Caller, path, body string) svar {
	t.Helper()
	return h.gjor(t, c, "POST", path, "application/json", []byte(body))
}

// er fails the test unless the answer has the status, and gives its body.
func (s svar) er(t testing.TB, status int) string {
	t.Helper()
	if s.Code != status {
		t.Fatalf("status %d, want %d: %s", s.Code, status, s.Body)
	}
	return s.Body.String()
}

// melding is the message of an error body.
func (s svar) melding(t testing.TB, status int) string {
	t.Helper()
	var m httpx.Feilmelding
	must(t, json.Unmarshal([]byte(s.er(t, status)), &m))
	return m.Message
}

func les[T any](t testing.TB, s svar, status int) (v T) {
	t.Helper()
	must(t, json.Unmarshal([]byte(s.er(t, status)), &v))
	return v
}

// nySoknad sends a v2 søknad to Oslo and gives its DigisosId.
func (h *hus) nySoknad(t testing.TB, fnr, ref string) string {
	t.Helper()
	return les[string](t, h.send(t, innbygger(fnr), "/digisos/api/v2/soknader/0301/"+ref, soknadDeler(t, fnr)...), 202)
}

func (h *hus) sak(t testing.TB, fnr, id string) DigisosSak {
	t.Helper()
	return les[DigisosSak](t, h.get(t, innbygger(fnr), "/digisos/api/v1/soknader/"+id), 200)
}

// lever lets the delivery engine do what is due.
func (h *hus) lever(t testing.TB) {
	t.Helper()
	must(t, h.Jobs.RunDue(t.Context()))
}

// bekreft confirms what a channel sent last.
func (h *hus) bekreft(t testing.TB, k *kanal) {
	t.Helper()
	l := k.sett[len(k.sett)-1].l
	h.write(t, func(tx *store.Tx) error {
		ok, err := h.lev.Bekreft(t.Context(), tx, k.navn, l.LeveranseID)
		if err == nil && !ok {
			err = errors.New("not confirmed")
		}
		return err
	})
}

// tilstander are the states of a case's history.
func (h *hus) tilstander(t testing.TB, id string) string {
	t.Helper()
	hs, err := h.s.Historikk(t.Context(), id)
	must(t, err)
	var ut []string
	for _, s := range hs {
		ut = append(ut, s.State)
	}
	return strings.Join(ut, " ")
}
