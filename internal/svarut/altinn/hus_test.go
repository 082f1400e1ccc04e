package altinn

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/uuid"

	"knutepunkt/internal/auth"
	"knutepunkt/internal/grunntest"
	"knutepunkt/internal/httpx"
	"knutepunkt/internal/klokke"
	"knutepunkt/internal/levering"
	inn "knutepunkt/internal/sandbox/altinn"
	"knutepunkt/internal/sandbox/utsteder"
	"knutepunkt/internal/store"
)

const (
	orgnr     = "910000017"
	fnr       = "01810112345"
	tittel    = "Vedtak om økonomisk stønad"
	apen      = "melding"
	hemmelig  = "melding-taushetsbelagt"
	klient1   = "knutepunkt"
	nokkelid  = "nokkel-1"
	abonnent  = "abonnement"
	stegFrist = 40 * time.Hour
)

// nett is the way to Maskinporten and Altinn, which the test can break.
type nett struct {
	under http.RoundTripper

	mu    sync.Mutex
	kall  []string // method and path, ids taken out
	urler []string // of each call
	// for and etter are asked with the call's number, from 1: an error from for
	// keeps the call from being made, one from etter loses its answer.
	for_, etter func(nr int, hva string) error
	svar        func(nr int, hva string) *http.Response // in place of the call
}

var idIURL = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f-]{27}`)

func (n *nett) RoundTrip(r *http.Request) (*http.Response, error) {
	hva := r.Method + " " + idIURL.ReplaceAllString(strings.TrimPrefix(r.URL.Path, inn.Plattform), "id")
	n.mu.Lock()
	n.kall = append(n.kall, hva)
	n.urler = append(n.urler, r.URL.String())
	nr, for_, etter, svar := len(n.kall), n.for_, n.etter, n.svar
	n.mu.Unlock()
	if for_ != nil {
		if err := for_(nr, hva); err != nil {
			if r.Body != nil {
				_ = r.Body.Close()
			}
			return nil, err
		}
	}
	if svar != nil {
		if resp := svar(nr, hva); resp != nil {
			return resp, nil
		}
	}
	resp, err := n.under.RoundTrip(r)
	if err == nil && etter != nil {
		if e := etter(nr, hva); e != nil {
			_ = resp.Body.Close()
			return nil, e
		}
	}
	return resp, err
}

func (n *nett) sett(fn func(n *nett)) {
	n.mu.Lock()
	defer n.mu.Unlock()
	fn(n)
}

// antall counts calls of a kind since the test last forgot them.
func (n *nett) antall(hva string) (antall int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, k := range n.kall {
		if strings.Contains(k, hva) {
			antall++
		}
	}
	return antall
}

var errNede = errors.New("connection refused")

func nede(int, string) error { return errNede }

// kilde has one forsendelse for every levering.
type kilde struct{ f levering.Forsendelse }

func (k *kilde) Forsendelse(context.Context, levering.Levering, string) (levering.Forsendelse, error) {
	return k.f, nil
}
func (k *kilde) Endret(context.Context, *store.Tx, levering.Levering) error { return nil }
func (k *kilde) Kontakter(context.Context, levering.Levering) ([]string, error) {
	return []string{"drift@kommune.example"}, nil
}

// papir is the channel after this one.
type papir struct {
	db              *store.DB
	skrevet, trukne []string
}

func (p *papir) Navn() string { return levering.KanalPrint }
func (p *papir) Send(ctx context.Context, l levering.Levering, _ levering.Forsendelse, sendt func(*store.Tx) error) error {
	return p.db.Write(ctx, func(tx *store.Tx) error {
		p.skrevet = append(p.skrevet, l.LeveranseID)
		return sendt(tx)
	})
}
func (p *papir) Trekk(_ context.Context, _ *store.Tx, l levering.Levering) error {
	p.trukne = append(p.trukne, l.LeveranseID)
	return nil
}

// hus is the house up to this room, with Maskinporten and Altinn beside it.
type hus struct {
	*grunntest.Grunn
	k        *Kanal
	cfg      Config
	levering *levering.Service
	kilde    *kilde
	papir    *papir
	altinn   *inn.Altinn
	nett     *nett
	tokentid *klokke.Manuell
	logg     *bytes.Buffer
	linjer   []string // what the sender is told
}

// tjener serves what lag makes for its address.
func tjener(t *testing.T, lag func(base string) http.Handler) (base string, c *http.Client) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // ends with the test
	if err != nil {
		t.Fatal(err)
	}
	base = "http://" + l.Addr().String()
	srv := httptest.NewUnstartedServer(lag(base))
	srv.Listener.Close()
	srv.Listener = l
	srv.Start()
	t.Cleanup(srv.Close)
	return base, srv.Client()
}

func ruter(t *testing.T, k klokke.Klokke, routes []auth.Route) http.Handler {
	t.Helper()
	ro := &httpx.Router{Klokke: k, Log: slog.New(slog.DiscardHandler)}
	if err := auth.Guard(ro, nil, nil, routes); err != nil {
		t.Fatal(err)
	}
	return ro
}

// grunninnstilling is Altinn's and Maskinporten's servers and how they are reached.
func grunninnstilling(t *testing.T, g *grunntest.Grunn, endre func(*inn.Config)) (Config, *inn.Altinn, *nett, *klokke.Manuell) {
	t.Helper()
	key, _ := grunntest.Plattformnokkel(t)
	tokentid := klokke.NyManuell(grunntest.Start)
	var u *utsteder.Utsteder
	mp, _ := tjener(t, func(base string) http.Handler {
		var err error
		u, err = utsteder.New(utsteder.Config{BaseURL: base, Klokke: tokentid, Klienter: []utsteder.Klient{{ID: klient1, Orgnr: orgnr,
			Nokler: []utsteder.Nokkel{{JSONWebKey: jose.JSONWebKey{Key: &key.PublicKey, KeyID: nokkelid}}}}}})
		if err != nil {
			t.Fatal(err)
		}
		return ruter(t, tokentid, u.Routes())
	})
	cfg := inn.Config{Klokke: g.Klokke, Tokenklokke: tokentid, Maskinporten: u.Utstedere()[0], SubscriptionKey: abonnent,
		Ressurser: map[string]bool{apen: false, hemmelig: true}, Skanntid: 20 * time.Second, Publisertid: 10 * time.Second}
	if endre != nil {
		endre(&cfg)
	}
	a, err := inn.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	plattform, c := tjener(t, func(string) http.Handler { return ruter(t, g.Klokke, a.Routes()) })
	n := &nett{under: c.Transport}
	return Config{PlatformURL: plattform + inn.Plattform, MaskinportenToken: mp + "/maskinporten/token", Audience: mp + "/maskinporten/", ClientID: klient1,
		Key: key, Kid: nokkelid, SubscriptionKey: abonnent, ResourceID: apen, ResourceIDKonfidensiell: hemmelig,
		MessageSender: "Knutepunkt", BaseURL: "https://svarut.example", HTTP: &http.Client{Transport: n}}, a, n, tokentid
}

func nyttHus(t *testing.T, endre func(*Config), endreAltinn func(*inn.Config)) *hus {
	t.Helper()
	g := grunntest.Ny(t, levering.Migrations(), Migrations())
	h := &hus{Grunn: g, logg: &bytes.Buffer{}, papir: &papir{db: g.DB}, kilde: &kilde{f: brev(fil("brev.pdf", "innhold"))}}
	h.cfg, h.altinn, h.nett, h.tokentid = grunninnstilling(t, g, endreAltinn)
	if endre != nil {
		endre(&h.cfg)
	}
	log := slog.New(slog.NewTextHandler(io.MultiWriter(h.logg, t.Output()), nil))
	h.levering = levering.NewService(g.DB, g.Klokke, g.Jobs, g.Mail, log, levering.Config{})
	h.levering.RegistrerKilde("svarut", h.kilde)
	h.levering.RegistrerKanal(h.papir)
	var err error
	h.k, err = New(Deps{DB: g.DB, Klokke: g.Klokke, Tokenklokke: h.tokentid, Jobs: g.Jobs, Kvitteringer: h.levering, Log: log,
		Logg: func(_ context.Context, tx *store.Tx, forsendelse, tekst string) error {
			tx.OnCommit(func() { h.linjer = append(h.linjer, tekst) })
			return nil
		}}, h.cfg)
	if err != nil {
		t.Fatal(err)
	}
	h.levering.RegistrerKanal(h.k)
	return h
}

func fil(navn, innhold string) levering.Fil {
	return levering.Fil{Navn: navn, Mimetype: "application/octet-stream", Storrelse: int64(len(innhold)), SHA256: "kjent",
		Apne: func(context.Context) (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(innhold)), nil }}
}

func brev(filer ...levering.Fil) levering.Forsendelse {
	return levering.Forsendelse{Filer: filer, Post: levering.Post{Tittel: tittel, Niva: 3, Avsender: levering.Adresse{Navn: "Prøve kommune"},
		Mottaker: levering.Adresse{Navn: "Kari Prøvesen", Fnr: fnr}}}
}

// opprett makes a levering with the plan for a letter that may go on paper.
func (h *hus) opprett(t *testing.T) string {
	t.Helper()
	id := uuid.NewString()
	err := h.DB.Write(t.Context(), func(tx *store.Tx) error {
		return h.levering.Opprett(t.Context(), tx, levering.Ny{ID: id, Kilde: "svarut", KildeID: id, FiksOrgID: uuid.NewString(), Plan: []levering.Steg{
			{Kanal: levering.KanalAltinn, Frist: stegFrist, Virketid: true, Utholdende: true, GodtaSen: true},
			{Kanal: levering.KanalPrint, Frist: 7 * 24 * time.Hour, Ubegrenset: true, Utholdende: true}}})
	})
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func (h *hus) hent(t *testing.T, id string) levering.Levering {
	t.Helper()
	l, _, err := h.levering.Hent(t.Context(), h.DB.Read(), id)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// iInnboksen lets a new levering reach the inbox.
func (h *hus) iInnboksen(t *testing.T) (id string, s inn.Sending) {
	t.Helper()
	id = h.opprett(t)
	h.Frem(t, 5*time.Minute)
	if l := h.hent(t, id); l.Tilstand != levering.Sendt || l.Kanal != levering.KanalAltinn {
		t.Fatalf("not in the inbox: %s by %q, next %s", l.Tilstand, l.Kanal, l.NesteSteg)
	}
	alle := h.altinn.Liste()
	if len(alle) == 0 {
		t.Fatal("the inbox is empty")
	}
	return id, alle[len(alle)-1]
}

func (h *hus) lest(t *testing.T, id string) {
	t.Helper()
	if err := h.altinn.Lest(t.Context(), id); err != nil {
		t.Fatal(err)
	}
}

// tilFrist moves to d before the reading deadline.
func (h *hus) tilFrist(t *testing.T, id string, d time.Duration) {
	t.Helper()
	h.Frem(t, h.hent(t, id).Frist.Add(-d).Sub(h.Klokke.Now()))
}

// innhold reads what the receiver finds.
func (h *hus) innhold(t *testing.T, meldingID string, nr int) string {
	t.Helper()
	_, r, err := h.altinn.Apne(meldingID, nr)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
