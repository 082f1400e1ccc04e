package main

import (
	"cmp"
	"crypto/sha512"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// sum is the SHA-512 of a file's plaintext.
type sum = [sha512.Size]byte

// fil is a file that was sent, or is to be; its content can be made again at any time.
type fil struct {
	navn   string
	merke  string // planted at its start, in its middle and at its end
	fra    int    // where in the filler its content is taken from
	lengde int64
	sum    sum

	// Of a file that goes by mellomlagring:
	forsokt, lagt bool
}

// innsending is a søknad or an ettersendelse, and what became of it. Its own
// fields are written by the one sender that has it in hand; those from godtatt
// on are shared, under the history's lock.
type innsending struct {
	nr          int
	ref, fnr    string
	sak         *innsending // of an ettersendelse: its søknad
	soknadJSON  []byte
	vedleggJSON []byte
	filer       []*fil // in the request
	mellom      []*fil // by mellomlagring before it
	forsok      int

	godtatt   bool
	digisosID string // of a søknad, as the sender was told
	meldinger []string
	versjoner oppdateringer // of a søknad
}

// oppdateringer are the fagsystem's updates of a case; only one runs at a time.
type oppdateringer struct {
	forsokt, kvittert int // the last version that was sent, and that got its 202
	sum               map[int]sum
	filer             map[string]*fil // by document id, those whose upload was answered
}

func (i *innsending) alleFiler() []*fil { return slices.Concat(i.filer, i.mellom) }

func (i *innsending) slag() string {
	if i.sak != nil {
		return "ettersendelse"
	}
	return "søknad"
}

// melding is a Fiks IO message as the fagsystem saw it.
type melding struct {
	til     *innsending
	levert  int  // times it was handed out to us
	lest    bool // its content was checked whole
	kvitt   bool // mottatt was sent and taken
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
	klokken   bool // the clock was moved: the plan may have started anew

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
		paaRef: map[string]*innsending{}, paaID: map[string]*innsending{}, meldinger: map[string]*melding{}, tall: map[string]int{}}
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

// nyFil makes a file of about so many bytes, markers planted in name and content.
func (h *historie) nyFil(rng *rand.Rand, navn string, lengde int) *fil {
	merke, _ := h.plant()
	if navn == "" {
		navn = "lønnslipp " + merke + ".pdf"
	}
	f := &fil{navn: navn, merke: merke, fra: rng.IntN(1 << 19), lengde: int64(lengde)}
	s := sha512.New()
	_, _ = io.Copy(s, h.innhold(f))
	s.Sum(f.sum[:0])
	return f
}

// innhold is a file's plaintext: fil.lengde bytes with the marker at both ends.
func (h *historie) innhold(f *fil) io.Reader {
	igjen := int(f.lengde) - 2*len(f.merke)
	deler := []io.Reader{strings.NewReader(f.merke)}
	for fra := f.fra; igjen > 0; fra = 0 {
		n := min(igjen, len(h.fyll)-fra)
		deler = append(deler, strings.NewReader(string(h.fyll[fra:fra+n])))
		igjen -= n
	}
	return io.MultiReader(append(deler, strings.NewReader(f.merke))...)
}

// registrer makes an innsending known before it is sent for the first time.
func (h *historie) registrer(i *innsending) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.alle = append(h.alle, i)
	h.paaRef[i.ref] = i
}

// svar notes that the sender knows its innsending to be taken, under that
// DigisosId. «Exactly one id per reference, for ever» is judged here.
func (h *historie) svar(i *innsending, digisosID, hvorfra string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if i.sak == nil {
		h.kjennLast(i, digisosID, hvorfra)
	}
	if !i.godtatt {
		i.godtatt = true
		h.tall["godtatt "+i.slag()]++
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
		if len(i.meldinger) > 1 && !h.klokken {
			h.feilLast("%s %s came under %d message ids: %s", i.slag(), i.ref, len(i.meldinger), strings.Join(i.meldinger, ", "))
		}
	}
	sak := i
	if i.sak != nil {
		sak = i.sak
	}
	h.kjennLast(sak, digisosID, "message "+id)
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
		if i := h.alle[rng.IntN(len(h.alle))]; i.sak == nil && i.godtatt {
			return i
		}
	}
	return nil
}

// godtatte are the søknader, or the ettersendelser, that were taken.
func (h *historie) godtatte(ettersendelser bool) []*innsending {
	h.mu.Lock()
	defer h.mu.Unlock()
	var ut []*innsending
	for _, i := range h.alle {
		if i.godtatt && (i.sak != nil) == ettersendelser {
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
