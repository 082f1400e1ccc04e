package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"time"

	"knutepunkt/client"
)

const (
	typeSoknad        = "no.nav.digisos.soknad.v1"
	typeEttersendelse = "no.nav.digisos.ettersendelse.v1"
)

var mottattType = map[string]string{
	typeSoknad:        "no.nav.digisos.soknad.mottatt.v1",
	typeEttersendelse: "no.nav.digisos.ettersendelse.mottatt.v1",
}

// fagsystem is the case system of one life: it takes messages, checks and answers
// them, gives some back, and updates cases.
type fagsystem struct {
	*liv
	rng      *rand.Rand // of the consumer's goroutine
	snill    bool       // gives nothing back, updates nothing
	oppdater chan *innsending
	wg       sync.WaitGroup
}

var errTilbake = errors.New("given back on purpose")

// startFagsystem consumes until ctx ends; slutt waits for it.
func startFagsystem(ctx context.Context, l *liv, rng *rand.Rand, snill bool) (slutt func(), err error) {
	nokkel, err := l.Nokkel(l.kommune)
	if err != nil {
		return nil, err
	}
	f := &fagsystem{liv: l, rng: rng, snill: snill, oppdater: make(chan *innsending, 4)}
	f.wg.Go(func() {
		defer close(f.oppdater)
		err := l.fag.Lytt(ctx, client.Mottaker{
			Addr: l.AMQPAddr(), KontoID: l.kommune.Fagsystem.KontoID, Nokler: nokler(nokkel),
			Navn: "torture", Pause: 20 * time.Millisecond,
			Brutt: func(err error) {
				if !l.drept.Load() && ctx.Err() == nil {
					l.h.feil("life %d: the AMQP connection broke while the platform runs: %v", l.nr, err)
				}
			},
		}, f.motta)
		if ctx.Err() == nil && !l.drept.Load() {
			l.h.feil("life %d: the consumer was turned away: %v", l.nr, err)
		}
	})
	f.wg.Go(func() {
		versjon := rand.New(rand.NewPCG(uint64(l.nr), 7))
		for i := range f.oppdater {
			f.oppdaterSak(ctx, i, versjon)
		}
	})
	return f.wg.Wait, nil
}

func (f *fagsystem) motta(ctx context.Context, m *client.Mottatt) error {
	if m.MeldingType == typeMelding {
		return f.mottaMelding(ctx, m)
	}
	mottatt := mottattType[m.MeldingType]
	if mottatt == "" {
		f.h.feil("message %s has the type %q", m.MeldingID, m.MeldingType)
		return nil
	}
	merke, rolig := f.h.rolig()
	mld, forste := f.h.utdelt(m.MeldingID, m.Resendt)
	if forste && !f.snill && f.rng.IntN(20) == 0 {
		f.h.tell("nack med requeue")
		return errTilbake
	}
	i, digisosID, err := f.les(ctx, m)
	if err != nil {
		if !f.drept.Load() && ctx.Err() == nil {
			f.h.feil("message %s cannot be read: %v", m.MeldingID, err)
		}
		return err
	}
	f.h.lest(m.MeldingID, mld, i, digisosID)
	f.h.mu.Lock()
	mld.svart = true
	f.h.mu.Unlock()
	if err := f.svar(ctx, m, mottatt); err != nil {
		return err
	}
	f.h.mu.Lock()
	mld.kvitt = true
	naa, igjen := f.h.klokke.rolig()
	mld.sikker = mld.sikker || rolig && igjen && naa == merke
	f.h.mu.Unlock()
	if i.slag == soknad && !f.snill && f.rng.IntN(5) == 0 {
		select {
		case f.oppdater <- i:
		default: // busy enough
		}
	}
	return nil
}

// svar answers a message; that it is refused is a violation, that nobody is there is not.
func (f *fagsystem) svar(ctx context.Context, m *client.Mottatt, typ string) error {
	_, err := m.Svar(ctx, typ)
	if err != nil && client.Status(err) != 0 {
		f.h.feil("life %d: the answer to message %s was refused: %v", f.nr, m.MeldingID, err)
	} else if err != nil && ctx.Err() == nil {
		f.taus("the answer to "+m.MeldingID, err)
	}
	return err
}

// les reads a message's container and compares each file in it with what was sent.
func (f *fagsystem) les(ctx context.Context, m *client.Mottatt) (*innsending, string, error) {
	filer := map[string]innhold{}
	var meta metadata
	_, err := m.Filer(ctx, func(navn string, r io.Reader) error {
		if _, finnes := filer[navn]; finnes {
			return fmt.Errorf("the name of file %d comes twice", len(filer))
		}
		var err error
		filer[navn], err = meta.les(navn, r)
		return err
	})
	if err != nil {
		return nil, "", err
	}
	i := f.h.medRef(meta.EksternRef)
	if i == nil {
		return nil, "", fmt.Errorf("its eksternRef %q was never sent", meta.EksternRef)
	}
	hvor := "message " + m.MeldingID
	if i.kommune != f.kommune.Kommunenummer {
		f.h.feil("%s of %s %s came to kommune %s and not to %s", hvor, i.slag, i.ref, f.kommune.Kommunenummer, i.kommune)
	}
	if (i.slag == ettersendelse) != (m.MeldingType == typeEttersendelse) {
		f.h.feil("%s of %s %s has the type %s", hvor, i.slag, i.ref, m.MeldingType)
	}
	if i.slag == ettersendelse && meta.SoknadLeveranseID == nil {
		f.h.feil("%s of ettersendelse %s does not name its søknad's delivery", hvor, i.ref)
	}
	f.h.sammenlign(hvor, i, meta, filer)
	return i, meta.DigisosID, nil
}

// oppdaterSak uploads a file and a new version of digisos-soker.json.
func (f *fagsystem) oppdaterSak(ctx context.Context, i *innsending, rng *rand.Rand) {
	fil := f.h.nyFil(rng, "", 500+rng.IntN(5000), false)
	info, err := f.fag.LastOpp(ctx, f.cert, f.kommune.FiksOrgID, i.digisosID, f.h.klientfil(fil))
	if err != nil {
		f.oppdateringsfeil(ctx, "uploading to "+i.digisosID, err)
		return
	}
	if len(info) != 1 || info[0].Filnavn != fil.navn || info[0].Storrelse != fil.lengde {
		f.h.feil("uploading to %s gave %+v", i.digisosID, info)
		return
	}
	f.h.mu.Lock()
	i.versjoner.filer[info[0].DokumentlagerDokumentID] = fil
	i.versjoner.forsokt++
	nr := i.versjoner.forsokt
	f.h.mu.Unlock()
	merke, _ := f.h.plant()
	soker := fmt.Appendf(nil, `{"version":"1.0.0","avsender":{"systemnavn":"%s","systemversjon":"%d"},"hendelser":[`+
		`{"type":"soknadsStatus","hendelsestidspunkt":"2026-01-05T13:37:00.134Z","status":"MOTTATT"},`+
		`{"type":"forelopigSvar","hendelsestidspunkt":"2026-01-06T13:37:00.134Z","forvaltningsbrev":{"referanse":{"type":"dokumentlager","id":"%s"}}}]}`,
		merke, nr, info[0].DokumentlagerDokumentID)
	if err := f.fag.OppdaterSak(ctx, f.kommune.FiksOrgID, i.digisosID, soker); err != nil {
		f.oppdateringsfeil(ctx, "updating "+i.digisosID, err)
		return
	}
	f.h.mu.Lock()
	i.versjoner.kvittert = nr
	f.h.tall["saksoppdateringer"]++
	f.h.mu.Unlock()
}

func (f *fagsystem) oppdateringsfeil(ctx context.Context, hva string, err error) {
	switch {
	case client.Status(err) != 0:
		f.h.feil("life %d: %s was refused: %v", f.nr, hva, err)
	case ctx.Err() == nil:
		f.taus(hva, err)
	}
}
