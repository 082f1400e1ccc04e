// Package altinn is the sandbox's Altinn: the part of the Correspondence API that
// a sender uses (SvarUt contract §7.2), as strict as the real one or stricter, and
// inboxes that a test can look into and read in.
package altinn

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"knutepunkt/internal/auth"
	"knutepunkt/internal/feil"
	"knutepunkt/internal/klokke"
)

// Config is what the inboxes need to know. Klokke, Tokenklokke and Maskinporten
// are required.
type Config struct {
	// BaseURL is the external address of Routes, without trailing slash.
	BaseURL      string
	Klokke       klokke.Klokke // of what happens
	Tokenklokke  klokke.Klokke // of tokens
	Maskinporten auth.Utsteder // whose tokens are exchanged

	// Dir keeps everything over a restart, sealed; "" keeps it in memory.
	Dir string
	// Forsegl and Apne seal and open for a place, as keys.Ring does. Required with Dir.
	Forsegl, Apne func(sted string, b []byte) ([]byte, error)

	SubscriptionKey string // that must come with each call; "": any
	// Ressurser are the services that exist, true for confidential ones; nil: any.
	Ressurser map[string]bool
	// Finnes tells whether there is a receiver with that number; nil: always.
	Finnes func(nummer string) bool

	Skanntid     time.Duration // of the virus scan: 0 is at once
	Publisertid  time.Duration // from accepted to in the inbox: 0 is at once
	MaksVedlegg  int64         // bytes of one; 0: 2 GiB
	Tokenlevetid time.Duration // 0: 30 min
	// Endret is told of a correspondence that Lest or SettStatus has changed, as
	// Altinn's events tell of it; nil: nobody is.
	Endret func(ctx context.Context, meldingID string)
}

// Altinn is the server and its inboxes.
type Altinn struct {
	cfg    Config
	nokkel []byte // signs tokens; they end with the process
	lager  lager

	mu        sync.Mutex
	avviser   bool
	vedlegg   map[string]*vedlegg
	meldinger map[string]*melding
	nokler    map[string]string // idempotentKey → melding
}

// hendelse is a change of status.
type hendelse struct {
	Status string    `json:"status"`
	Tekst  string    `json:"statusText"`
	Tid    time.Time `json:"statusChanged"`
}

// historie is what has become of a thing, oldest first.
type historie []hendelse

func (h historie) naa() hendelse {
	if len(h) == 0 {
		return hendelse{}
	}
	return h[len(h)-1]
}

func (h historie) har(status string) bool {
	return slices.ContainsFunc(h, func(e hendelse) bool { return e.Status == status })
}

// vedlegg is an attachment.
type vedlegg struct {
	ID        string
	Inn       vedleggInn
	Storrelse int64
	Infisert  bool // it holds the EICAR test string
	Historie  historie

	laster bool // content is on its way
}

// melding is a correspondence.
type melding struct {
	ID        string
	Inn       meldingInn
	Opprettet time.Time
	Historie  historie
}

// New makes the server, with what Dir holds from before.
func New(cfg Config) (*Altinn, error) {
	if cfg.Klokke == nil || cfg.Tokenklokke == nil || cfg.Maskinporten.JWKS == nil {
		return nil, errors.New("sandbox altinn: clocks and Maskinporten are required")
	}
	if cfg.Dir != "" && (cfg.Forsegl == nil || cfg.Apne == nil) {
		return nil, errors.New("sandbox altinn: a folder needs something to seal with")
	}
	cfg.MaksVedlegg = cmp.Or(cfg.MaksVedlegg, 2<<30)
	cfg.Tokenlevetid = cmp.Or(cfg.Tokenlevetid, 30*time.Minute)
	a := &Altinn{cfg: cfg, nokkel: make([]byte, 32), vedlegg: map[string]*vedlegg{}, meldinger: map[string]*melding{}, nokler: map[string]string{}}
	rand.Read(a.nokkel) // never fails
	a.lager = lager{dir: cfg.Dir, forsegl: cfg.Forsegl, apne: cfg.Apne, minne: map[string][]byte{}}
	return a, a.last()
}

const (
	prefiksVedlegg = "vedlegg-"
	prefiksMelding = "melding-"
	filAvviser     = "avviser"
	etterInnhold   = ".innhold"
)

// last reads what was there before.
func (a *Altinn) last() error {
	navn, err := a.lager.navn()
	if err != nil {
		return err
	}
	for _, n := range navn {
		switch {
		case strings.HasSuffix(n, etterInnhold):
		case strings.HasPrefix(n, prefiksVedlegg):
			v := &vedlegg{}
			if err := a.lager.les(n, v); err != nil {
				return err
			}
			a.vedlegg[v.ID] = v
		case strings.HasPrefix(n, prefiksMelding):
			m := &melding{}
			if err := a.lager.les(n, m); err != nil {
				return err
			}
			a.meldinger[m.ID] = m
			if m.Inn.IdempotentKey != nil {
				a.nokler[*m.Inn.IdempotentKey] = m.ID
			}
		case n == filAvviser:
			if err := a.lager.les(n, &a.avviser); err != nil {
				return err
			}
		}
	}
	return nil
}

func (a *Altinn) lagreVedlegg(v *vedlegg) error { return a.lager.skriv(prefiksVedlegg+v.ID, v) }
func (a *Altinn) lagreMelding(m *melding) error { return a.lager.skriv(prefiksMelding+m.ID, m) }

// skann ends the virus scan of v when its time has come.
func (a *Altinn) skann(v *vedlegg) {
	naa := v.Historie.naa()
	if ferdig := naa.Tid.Add(a.cfg.Skanntid); naa.Status == "UploadProcessing" && !a.cfg.Klokke.Now().Before(ferdig) {
		ny := hendelse{"Published", "Published", ferdig}
		if v.Infisert {
			ny = hendelse{"Failed", "Malware scan failed", ferdig}
		}
		v.Historie = append(v.Historie, ny)
	}
}

// publiser puts m into the inbox when its time has come.
func (a *Altinn) publiser(m *melding) {
	if naa := m.Historie.naa(); naa.Status == "Initialized" {
		m.Historie = append(m.Historie, hendelse{"ReadyForPublish", "ReadyForPublish", naa.Tid})
	}
	naa := m.Historie.naa()
	if ferdig := naa.Tid.Add(a.cfg.Publisertid); naa.Status == "ReadyForPublish" && !a.cfg.Klokke.Now().Before(ferdig) {
		m.Historie = append(m.Historie, hendelse{"Published", "Published", ferdig})
	}
}

// Sending is a letter in an inbox, as GET /sandbox/altinn shows it.
type Sending struct {
	ID        string    `json:"id"`
	Time      time.Time `json:"time"`
	Mottaker  string    `json:"mottaker"` // org.nr or fnr
	Tittel    string    `json:"tittel"`
	Referanse string    `json:"referanse"` // the sender's
	Vedlegg   []Vedlegg `json:"vedlegg"`
}

// Vedlegg is a file of a letter.
type Vedlegg struct {
	Filnavn string `json:"filnavn"`
	URL     string `json:"url"`
}

// Liste is everything that came into an inbox, oldest first; never nil.
func (a *Altinn) Liste() []Sending {
	a.mu.Lock()
	defer a.mu.Unlock()
	ut := []Sending{}
	for _, m := range a.meldinger {
		a.publiser(m)
		i := slices.IndexFunc(m.Historie, func(h hendelse) bool { return h.Status == "Published" })
		if i < 0 {
			continue
		}
		s := Sending{ID: m.ID, Time: m.Historie[i].Tid, Mottaker: nummer(m.Inn.Recipients[0]), Tittel: m.Inn.Correspondence.Content.MessageTitle,
			Referanse: m.Inn.Correspondence.SendersReference, Vedlegg: []Vedlegg{}}
		for nr, id := range m.Inn.ExistingAttachments {
			s.Vedlegg = append(s.Vedlegg, Vedlegg{a.vedlegg[id].Inn.FileName, fmt.Sprintf("%s/sandbox/altinn/%s/vedlegg/%d", a.cfg.BaseURL, m.ID, nr+1)})
		}
		ut = append(ut, s)
	}
	slices.SortFunc(ut, func(x, y Sending) int { return cmp.Or(x.Time.Compare(y.Time), cmp.Compare(x.ID, y.ID)) })
	return ut
}

// Lest makes the receiver open a letter; feil.IkkeFunnet. Once more changes nothing.
func (a *Altinn) Lest(ctx context.Context, id string) error {
	return a.endre(ctx, id, func(m *melding, naa time.Time) error {
		if !m.Historie.har("Published") {
			return feil.Ny(feil.IkkeFunnet, "Meldingen er ikke i innboksen ennå")
		}
		for _, s := range []string{"Fetched", "Read"} {
			if !m.Historie.har(s) {
				m.Historie = append(m.Historie, hendelse{s, s, naa})
			}
		}
		return nil
	})
}

// SettStatus gives a correspondence any status, as Reserved or PurgedByRecipient;
// feil.IkkeFunnet.
func (a *Altinn) SettStatus(ctx context.Context, id, status string) error {
	return a.endre(ctx, id, func(m *melding, naa time.Time) error {
		m.Historie = append(m.Historie, hendelse{status, status, naa})
		return nil
	})
}

func (a *Altinn) endre(ctx context.Context, id string, fn func(m *melding, naa time.Time) error) error {
	err := func() error {
		a.mu.Lock()
		defer a.mu.Unlock()
		m := a.meldinger[id]
		if m == nil {
			return feil.Ny(feil.IkkeFunnet, "Ingen slik melding i Altinn")
		}
		a.publiser(m)
		if err := fn(m, a.cfg.Klokke.Now()); err != nil {
			return err
		}
		return a.lagreMelding(m)
	}()
	if err == nil && a.cfg.Endret != nil {
		a.cfg.Endret(ctx, id)
	}
	return err
}

// Avvis makes Altinn refuse every new letter from now on, or take them again.
func (a *Altinn) Avvis(avvis bool) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.avviser = avvis
	return a.lager.skriv(filAvviser, avvis)
}

// Avviser tells what Avvis was told last.
func (a *Altinn) Avviser() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.avviser
}

// Apne opens file nr (from 1) of a letter; feil.IkkeFunnet.
func (a *Altinn) Apne(id string, nr int) (filnavn string, innhold io.ReadCloser, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	m := a.meldinger[id]
	if m == nil || nr < 1 || nr > len(m.Inn.ExistingAttachments) {
		return "", nil, feil.Ny(feil.IkkeFunnet, "Ingen slik fil i Altinn")
	}
	v := a.vedlegg[m.Inn.ExistingAttachments[nr-1]]
	innhold, err = a.lager.apneInnhold(prefiksVedlegg + v.ID + etterInnhold)
	return v.Inn.FileName, innhold, err
}

// nummer is the org.nr or fnr of a recipient.
func nummer(mottaker string) string { return mottaker[strings.LastIndexByte(mottaker, ':')+1:] }
