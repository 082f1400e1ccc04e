package main

import (
	"context"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"regexp"
	"sync"
	"sync/atomic"

	"knutepunkt/bench/sandkasse"
	"knutepunkt/client"
)

// The kommuner of the sandbox that matter here.
const (
	medFagsystem = "9901" // Fiks IO; what expires there goes to its SvarInn
	medSvarInn   = "9902" // SvarUt, fetched from SvarInn
	utenMottak   = "9903" // Fiks IO that nobody empties, and no SvarInn: Altinn, then print
	brevAvsender = medFagsystem
)

// liv is one life of the platform with the clients that talk to it.
type liv struct {
	*sandkasse.Sandkasse
	h       *historie
	nr      int
	mappe   string             // for what is fetched
	kommune *sandkasse.Kommune // the one with a fagsystem
	cert    *x509.Certificate  // the platform's
	nav     *client.Client
	fag     *client.Client
	token   client.TokenSource        // of the kommune that sends letters
	orgnr   map[string]string         // by kommune
	folk    map[string]*client.Client // citizens by fnr
	fnr     []string
	drept   atomic.Bool // set before the kill
}

func nyttLiv(ctx context.Context, s *sandkasse.Sandkasse, h *historie, nr int, mappe string) (*liv, error) {
	l := &liv{Sandkasse: s, h: h, nr: nr, mappe: mappe, folk: map[string]*client.Client{}, orgnr: map[string]string{}}
	var err error
	if l.kommune, err = s.Kommune(medFagsystem); err != nil {
		return nil, err
	}
	if l.kommune.Fagsystem.SvarUt == nil {
		return nil, fmt.Errorf("kommune %s has no SvarUt", brevAvsender)
	}
	for _, nr := range []string{medFagsystem, medSvarInn, utenMottak} {
		k, err := s.Kommune(nr)
		if err != nil {
			return nil, err
		}
		l.orgnr[nr] = k.Organisasjonsnummer
	}
	l.nav, l.fag = s.SomNAV(), s.SomFagsystem(l.kommune)
	l.token = client.URLToken(s.HTTP, s.TokenURL(l.kommune.Fagsystem.Organisasjonsnummer))
	for _, p := range s.Innbyggere() {
		l.fnr = append(l.fnr, p.Fnr)
		l.folk[p.Fnr] = s.SomInnbygger(p.Fnr)
	}
	if len(l.fnr) == 0 {
		return nil, errors.New("sandbox.json has no citizens")
	}
	if l.cert, err = l.nav.PublicKey(ctx); err != nil {
		return nil, fmt.Errorf("fetching the public key: %w", err)
	}
	naa, err := l.Klokken(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading the clock: %w", err)
	}
	h.stilt(naa, fmt.Sprintf("start of life %d", nr))
	return l, nil
}

// tauset judges a call that got no answer: that is to be expected of a platform
// that was killed, and of no other.
func (l *liv) taus(hva string, err error) {
	if !l.drept.Load() {
		l.h.feil("life %d: %s got no answer from a platform that runs: %v", l.nr, hva, err)
	}
	l.h.tell("uten svar")
}

// sender makes and sends innsendinger until the platform dies or stopp is closed.
func (l *liv) sender(ctx context.Context, rng *rand.Rand, stopp <-chan struct{}) {
	for !l.drept.Load() {
		select {
		case <-stopp:
			return
		case <-l.Slutt():
			return
		default:
		}
		if rng.IntN(2) == 0 {
			if i := l.h.taUavklart(); i != nil {
				l.prov(ctx, i, false)
				continue
			}
		}
		i := l.nyInnsending(rng)
		l.h.registrer(i)
		l.prov(ctx, i, rng.IntN(20) == 0)
	}
}

// avklar sends again what has got no answer, until everything has.
func (l *liv) avklar(ctx context.Context) {
	for !l.drept.Load() {
		i := l.h.taUavklart()
		if i == nil {
			return
		}
		l.prov(ctx, i, false)
	}
}

// storrelse draws a file size: mostly small, some that go to a file of their own
// (above 256 KiB), a few too large to go inline over AMQP (above 5 MiB).
func storrelse(rng *rand.Rand) int {
	switch n := rng.IntN(1000); {
	case n < 3:
		return 5<<20 + rng.IntN(1<<20)
	case n < 80:
		return 256<<10 + rng.IntN(400<<10)
	default:
		return 200 + rng.IntN(20_000)
	}
}

// nyInnsending: most go to the kommune with a fagsystem; the others take days.
func (l *liv) nyInnsending(rng *rand.Rand) *innsending {
	h := l.h
	if rng.IntN(4) == 0 {
		if sak := h.tilfeldigSak(rng); sak != nil {
			merke, nr := h.plant()
			i := &innsending{nr: nr, slag: ettersendelse, kommune: sak.kommune, ref: fmt.Sprintf("e%d-0001", nr), fnr: sak.fnr, sak: sak}
			i.filer = append(i.filer, h.nyFil(rng, "", storrelse(rng), false))
			if rng.IntN(2) == 0 {
				i.filer = append(i.filer, h.nyFil(rng, "ettersendelse.pdf", 100+rng.IntN(3000), true))
			}
			i.vedleggJSON = vedleggJSON(merke, i.filer)
			return i
		}
	}
	kommune := medFagsystem
	switch n := rng.IntN(100); {
	case n < 12:
		return l.nyttBrev(rng)
	case n < 32:
		kommune = medSvarInn
	case n < 40:
		kommune = utenMottak
	}
	merke, nr := h.plant()
	i := &innsending{nr: nr, slag: soknad, kommune: kommune, ref: fmt.Sprintf("s%d", nr), fnr: l.fnr[rng.IntN(len(l.fnr))],
		versjoner: oppdateringer{sum: map[int]sum{}, filer: map[string]*fil{}}}
	i.filer = append(i.filer, h.nyFil(rng, "Soknad.pdf", storrelse(rng), true))
	if rng.IntN(2) == 0 {
		i.filer = append(i.filer, h.nyFil(rng, "Brukerkvittering.pdf", 100+rng.IntN(3000), true))
	}
	for range max(0, rng.IntN(5)-2) {
		i.mellom = append(i.mellom, h.nyFil(rng, "", storrelse(rng), false))
	}
	i.soknadJSON = soknadJSON(merke, i.fnr, kommune)
	i.vedleggJSON = vedleggJSON(merke, i.mellom)
	return i
}

func soknadJSON(merke, fnr, kommunenummer string) []byte {
	return []byte(`{"version":"1.0.11","data":{"personalia":{"personIdentifikator":{"kilde":"system","verdi":"` + fnr + `"},` +
		`"navn":{"kilde":"system","fornavn":"` + merke + `","mellomnavn":"","etternavn":"Ås"},"kontonummer":{"kilde":"bruker"}},` +
		`"begrunnelse":{"kilde":"bruker","hvaSokesOm":"Strøm ` + merke + `"},"okonomi":{"opplysninger":{"utbetaling":[]}}},` +
		`"mottaker":{"kommunenummer":"` + kommunenummer + `"},"driftsinformasjon":{"inntektFraSkatteetatenFeilet":false},"kompatibilitet":[]}`)
}

func vedleggJSON(merke string, filer []*fil) []byte {
	type fileref struct {
		Filnavn string `json:"filnavn"`
		SHA512  string `json:"sha512"`
	}
	var fs = []fileref{}
	for _, f := range filer {
		fs = append(fs, fileref{f.navn, hex.EncodeToString(f.sum[:])})
	}
	data, err := json.Marshal(map[string]any{"vedlegg": []any{map[string]any{
		"type": "annet", "tilleggsinfo": merke, "status": "LastetOpp", "filer": fs}}})
	if err != nil {
		panic(err) // cannot happen: strings only
	}
	return data
}

// The texts that clients parse.
var (
	duplikatSoknad        = regexp.MustCompile(`^Soknad med tilhørende navEksternRefId (\S+) finnes allerede i Fiks-Digisos med DigisosId ([0-9a-f-]{36})$`)
	duplikatEttersendelse = regexp.MustCompile(`^Ettersendelse med tilhørende navEksternRefId (\S+) finnes allerde for oppgitt DigisosId ([0-9a-f-]{36})$`)
)

func duplikat(re *regexp.Regexp, err error) (ref, id string, ok bool) {
	feil, ok := errors.AsType[*client.Error](err)
	if !ok || feil.Status != 400 {
		return "", "", false
	}
	m := re.FindStringSubmatch(feil.Message)
	if m == nil {
		return "", "", false
	}
	return m[1], m[2], true
}

// prov sends an innsending, or sends it again under the same reference; dobbelt
// sends it twice at once.
func (l *liv) prov(ctx context.Context, i *innsending, dobbelt bool) {
	for _, f := range i.mellom {
		if !f.lagt && !l.mellomlagre(ctx, i, f) {
			return
		}
	}
	dobbelt = dobbelt && i.forsok == 0 && i.slag != brev // nothing tells SvarUt that two are one
	tidligere := i.forsok > 0
	i.forsok++
	if !dobbelt {
		if taus, _ := l.enGang(ctx, i, tidligere); taus {
			l.h.leggUavklart(i)
		}
		return
	}
	var wg sync.WaitGroup
	var tause, nye atomic.Int32
	for range 2 {
		wg.Go(func() {
			taus, ny := l.enGang(ctx, i, true)
			if taus {
				tause.Add(1)
			}
			if ny {
				nye.Add(1)
			}
		})
	}
	wg.Wait()
	l.h.tell("sendt to ganger samtidig")
	if nye.Load() > 1 {
		l.h.feil("%s %s was sent twice at once and taken twice", i.slag, i.ref)
	}
	if tause.Load() > 0 {
		l.h.leggUavklart(i)
	}
}

func (l *liv) mellomlagre(ctx context.Context, i *innsending, f *fil) bool {
	for_ := f.forsokt
	f.forsokt = true
	err := l.nav.Mellomlagre(ctx, l.cert, i.ref, l.h.klientfil(f))
	switch status := client.Status(err); {
	case err == nil, status == 409 && for_:
		f.lagt = true
		l.h.tell("mellomlagret")
		return true
	case status == 0:
		l.taus("mellomlagring for "+i.ref, err)
		l.h.leggUavklart(i)
	default:
		l.h.feil("life %d: mellomlagring for %s was refused: %v", l.nr, i.ref, err)
	}
	return false
}

// enGang makes one request. Its outcome must be a 202, or, when the same was sent
// before, the duplicate's text with the DigisosId.
func (l *liv) enGang(ctx context.Context, i *innsending, sendtFor bool) (taus, ny bool) {
	switch i.slag {
	case ettersendelse:
		return l.ettersend(ctx, i, sendtFor)
	case brev:
		return l.sendBrev(ctx, i, sendtFor)
	}
	id, err := l.folk[i.fnr].SendSoknad(ctx, l.cert, i.kommune, i.ref, client.Soknad{
		SoknadJSON: i.soknadJSON, VedleggJSON: i.vedleggJSON, Filer: l.h.klientfiler(i.filer)})
	ref, dup, erDup := duplikat(duplikatSoknad, err)
	switch {
	case err == nil:
		l.h.svar(i, id, "202")
		return false, true
	case erDup && sendtFor && ref == i.ref:
		l.h.svar(i, dup, "duplicate")
		l.h.tell("duplikatsvar")
		return false, false
	case client.Status(err) == 0:
		l.taus("søknad "+i.ref, err)
		return true, false
	}
	l.h.feil("life %d: søknad %s (sent before: %t) was refused: %v", l.nr, i.ref, sendtFor, err)
	return false, false
}

func (l *liv) ettersend(ctx context.Context, i *innsending, sendtFor bool) (taus, ny bool) {
	err := l.folk[i.fnr].Ettersend(ctx, l.cert, i.kommune, i.sak.digisosID, i.ref, i.vedleggJSON, l.h.klientfiler(i.filer)...)
	ref, dup, erDup := duplikat(duplikatEttersendelse, err)
	switch {
	case err == nil:
		l.h.svar(i, "", "202")
		return false, true
	case erDup && sendtFor && ref == i.ref && dup == i.sak.digisosID:
		l.h.svar(i, "", "duplicate")
		l.h.tell("duplikatsvar")
		return false, false
	case client.Status(err) == 0:
		l.taus("ettersendelse "+i.ref, err)
		return true, false
	}
	l.h.feil("life %d: ettersendelse %s (sent before: %t) was refused: %v", l.nr, i.ref, sendtFor, err)
	return false, false
}
