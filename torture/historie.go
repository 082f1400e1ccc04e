package main

import (
	"cmp"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// slag is what was sent.
type slag string

const (
	soknad        slag = "søknad"
	ettersendelse slag = "ettersendelse"
	brev          slag = "brev" // straight to SvarUt, by the kommune's own system
)

// innsending is something that was sent, and what became of it. Its own fields are
// written by the one sender that has it in hand; those from godtatt on are shared,
// under the history's lock.
type innsending struct {
	nr          int
	slag        slag
	kommune     string // number of the receiving one
	ref, fnr    string
	sak         *innsending // of an ettersendelse: its søknad
	soknadJSON  []byte
	vedleggJSON []byte
	filer       []*fil // in the request
	mellom      []*fil // by mellomlagring before it
	tittel      string // of a brev
	kryptert    bool   // a brev at level 4
	forsok      int

	godtatt      bool
	digisosID    string // of a søknad, as the sender was told
	brevID       string // of a brev, as the sender was told
	meldinger    []string
	forsendelser []*forsendelse
	versjoner    oppdateringer // of a søknad
}

// oppdateringer are the fagsystem's updates of a case; only one runs at a time.
type oppdateringer struct {
	forsokt, kvittert int // the last version that was sent, and that got its 202
	sum               map[int]sum
	filer             map[string]*fil // by document id, those whose upload was answered
}

func (i *innsending) alleFiler() []*fil { return slices.Concat(i.filer, i.mellom) }

// skrives are the files that are printed when it ends as a letter.
func (i *innsending) skrives() (ut []*fil) {
	for _, f := range i.filer {
		if i.slag == brev && f.pdf || f.navn == "Soknad.pdf" || f.navn == "ettersendelse.pdf" {
			ut = append(ut, f)
		}
	}
	return ut
}

// melding is a Fiks IO message as the fagsystem saw it.
type melding struct {
	til    *innsending
	levert int  // times it was handed out to us
	lest   bool // its content was checked whole
	svart  bool // mottatt was sent
	kvitt  bool // and taken
	// sikker: it was handed out and answered with no deadline in sight, so that
	// nothing may be sent by another channel.
	sikker  bool
	digisos string
}

// historie is everything that was seen from outside, and the judge of it.
type historie struct {
	mu        sync.Mutex
	merke     string // the start of every planted marker of this run
	fyll      []byte // what contents are cut from
	nr        int
	alle      []*innsending // in the order they were made
	paaRef    map[string]*innsending
	paaID     map[string]*innsending // søknader by DigisosId, as anybody told it
	uavklart  []*innsending          // sent, and not answered
	meldinger map[string]*melding
	post      posthistorie
	rapporter rapporthistorie
	klokke    klokkehistorie

	brudd []string
	tall  map[string]int
}

const maksBrudd = 50 // told; the rest are counted

func nyHistorie(frø uint64) *historie {
	rng := rand.New(rand.NewPCG(frø, 1))
	merke := make([]byte, 12)
	for i := range merke {
		merke[i] = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"[rng.IntN(32)]
	}
	h := &historie{merke: "KP" + string(merke), fyll: make([]byte, 1<<20),
		paaRef: map[string]*innsending{}, paaID: map[string]*innsending{}, meldinger: map[string]*melding{}, post: nyPosthistorie(), rapporter: rapporthistorie{paaMerke: map[string]*rapport{}}, tall: map[string]int{}}
	for i := range h.fyll {
		h.fyll[i] = byte(rng.Uint32())
	}
	return h
}

// feil notes a violation.
func (h *historie) feil(format string, arg ...any) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.feilLast(format, arg...)
}

func (h *historie) feilLast(format string, arg ...any) {
	h.tall["brudd"]++
	if len(h.brudd) < maksBrudd {
		h.brudd = append(h.brudd, fmt.Sprintf(format, arg...))
	}
}

func (h *historie) tell(hva string) {
	h.mu.Lock()
	h.tall[hva]++
	h.mu.Unlock()
}

// plant gives the next marker.
func (h *historie) plant() (merke string, nr int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.nr++
	return h.merke + "-" + strconv.Itoa(h.nr) + "-", h.nr
}

// registrer makes an innsending known before it is sent for the first time.
func (h *historie) registrer(i *innsending) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.alle = append(h.alle, i)
	h.paaRef[i.ref] = i
	for _, f := range i.alleFiler() {
		h.post.merker[f.merke] = i
	}
}

// svar notes that the sender knows its innsending to be taken, under that id. «Exactly one id per reference, for ever» is judged here.
func (h *historie) svar(i *innsending, id, hvorfra string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch i.slag {
	case soknad:
		h.kjennLast(i, id, hvorfra)
	case brev:
		h.kjennBrevLast(i, id, hvorfra)
	}
	if !i.godtatt {
		i.godtatt = true
		h.tall["godtatt "+string(i.slag)]++
	}
}

// kjennLast binds a søknad to its DigisosId, or finds that it has another.
func (h *historie) kjennLast(i *innsending, digisosID, hvorfra string) {
	if i.digisosID == "" {
		i.digisosID = digisosID
	}
	if i.digisosID != digisosID {
		h.feilLast("søknad %s had DigisosId %s and now %s (%s)", i.ref, i.digisosID, digisosID, hvorfra)
	}
	if annen := h.paaID[digisosID]; annen != nil && annen != i {
		h.feilLast("DigisosId %s belongs to both %s and %s (%s)", digisosID, annen.ref, i.ref, hvorfra)
	}
	h.paaID[digisosID] = i
}

// utdelt notes that a message was handed out, and tells whether it is the first time.
func (h *historie) utdelt(id string, resendt bool) (m *melding, forste bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	m = h.meldinger[id]
	if m == nil {
		m = &melding{}
		h.meldinger[id] = m
	}
	m.levert++
	h.tall["utdelinger"]++
	if m.levert > 1 {
		h.tall["gjenleveringer"]++
		if !resendt {
			h.feilLast("message %s was handed out for the %d. time without the mark of it", id, m.levert)
		}
	}
	return m, m.levert == 1
}

// lest notes what a message turned out to hold: it belongs to one innsending, and
// no innsending comes under two message ids.
func (h *historie) lest(id string, m *melding, i *innsending, digisosID string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if m.til != nil && (m.til != i || m.digisos != digisosID) {
		h.feilLast("message %s changed from %s (%s) to %s (%s)", id, m.til.ref, m.digisos, i.ref, digisosID)
	}
	m.til, m.digisos = i, digisosID
	if !m.lest {
		m.lest = true
		i.meldinger = append(i.meldinger, id)
		if len(i.meldinger) > 1 {
			h.feilLast("%s %s came under %d message ids: %s", i.slag, i.ref, len(i.meldinger), strings.Join(i.meldinger, ", "))
		}
	}
	h.kjennLast(i.soknaden(), digisosID, "message "+id)
}

// soknaden is the søknad that i is, or belongs to.
func (i *innsending) soknaden() *innsending {
	if i.sak != nil {
		return i.sak
	}
	return i
}

// uavklarte takes one innsending that was sent without an answer; nil.
func (h *historie) taUavklart() *innsending {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.uavklart) == 0 {
		return nil
	}
	i := h.uavklart[0]
	h.uavklart = h.uavklart[1:]
	return i
}

func (h *historie) leggUavklart(i *innsending) {
	h.mu.Lock()
	h.uavklart = append(h.uavklart, i)
	h.mu.Unlock()
}

// tilfeldigSak gives a case that the sender knows; nil when there is none.
func (h *historie) tilfeldigSak(rng *rand.Rand) *innsending {
	h.mu.Lock()
	defer h.mu.Unlock()
	for range 10 {
		if len(h.alle) == 0 {
			break
		}
		if i := h.alle[rng.IntN(len(h.alle))]; i.slag == soknad && i.godtatt {
			return i
		}
	}
	return nil
}

// godtatte are those of that kind that were taken.
func (h *historie) godtatte(s slag) []*innsending {
	h.mu.Lock()
	defer h.mu.Unlock()
	var ut []*innsending
	for _, i := range h.alle {
		if i.godtatt && i.slag == s {
			ut = append(ut, i)
		}
	}
	return ut
}

func (h *historie) hentTall(hva string) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.tall[hva]
}

// tabell is the summary.
func (h *historie) tabell() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	var b strings.Builder
	for _, navn := range slices.SortedFunc(maps.Keys(h.tall), cmp.Compare[string]) {
		fmt.Fprintf(&b, "  %-34s %9d\n", navn, h.tall[navn])
	}
	return b.String()
}
