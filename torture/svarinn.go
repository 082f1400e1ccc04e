package main

import (
	"context"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"

	"knutepunkt/bench/sandkasse"
	"knutepunkt/client"
)

// henter is the mottakersystem of a kommune in one life: it lists, downloads,
// compares and acknowledges, and now and then fails.
type henter struct {
	*liv
	inn     *client.SvarInn
	kommune *sandkasse.Kommune
	rng     *rand.Rand
	snill   bool // fetches everything at once, and refuses nothing
}

// hentPost fetches until ctx ends or the platform dies.
func (l *liv) hentPost(ctx context.Context, k *sandkasse.Kommune, rng *rand.Rand, snill bool) error {
	inn, err := l.SomMottakersystem(k)
	if err != nil {
		return err
	}
	m := &henter{l, inn, k, rng, snill}
	for ctx.Err() == nil && !l.drept.Load() {
		nye, err := inn.Nye(ctx)
		if err != nil {
			m.feilet(ctx, "listing SvarInn of "+k.Kommunenummer, err)
		}
		for _, f := range nye {
			if ctx.Err() != nil || l.drept.Load() {
				break
			}
			m.ta(ctx, f)
		}
		sov(ctx, 20*time.Millisecond)
	}
	return nil
}

// sov waits a little.
func sov(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// feilet judges a call that failed: a refusal is a violation, and so is silence of
// a platform that runs.
func (l *liv) feilet(ctx context.Context, hva string, err error) {
	switch {
	case client.Status(err) != 0:
		l.h.feil("life %d: %s was refused: %v", l.nr, hva, err)
	case ctx.Err() == nil:
		l.taus(hva, err)
	}
}

// ta does something with a forsendelse that waits.
func (m *henter) ta(ctx context.Context, f client.SvarInnForsendelse) {
	h := m.h
	h.mu.Lock()
	fs := h.forsendelseLast(f.ID)
	switch {
	case fs.iListenEtter:
	case fs.kvittert.gjort:
		h.feilLast("forsendelse %s is listed after its acknowledgement", f.ID)
		fs.iListenEtter = true
	case fs.permanent.gjort:
		h.feilLast("forsendelse %s is listed after it was refused for good", f.ID)
		fs.iListenEtter = true
	}
	h.mu.Unlock()
	skjebne := m.rng.IntN(100)
	if m.snill {
		skjebne = 50
	}
	switch {
	case skjebne < 8: // another time
		return
	case skjebne < 14:
		merke, _ := h.plant()
		if err := m.inn.MottakFeilet(ctx, f.ID, "Disken til "+merke+" er full", false); err != nil {
			m.feilet(ctx, "telling of a passing failure of "+f.ID, err)
			return
		}
		h.tell("mottak feilet, midlertidig")
		return
	case skjebne < 18:
		merke, _ := h.plant()
		err := h.gjor(&fs.permanent, "mottak feilet, permanent", func() error {
			return m.inn.MottakFeilet(ctx, f.ID, "Arkivet vil ikke ha "+merke, true)
		})
		if err != nil {
			m.feilet(ctx, "refusing "+f.ID, err)
		}
		return
	}
	for n := range 2 {
		if n == 1 && skjebne < 92 {
			break
		}
		if !m.lastNed(ctx, f) {
			return
		}
		h.mu.Lock()
		if fs.hentet++; fs.hentet > 1 {
			h.tall["hentet på nytt fra SvarInn"]++
		}
		h.mu.Unlock()
	}
	for n := range 2 {
		if n == 1 && skjebne < 95 {
			break
		}
		if err := h.gjor(&fs.kvittert, "kvittert i SvarInn", func() error { return m.inn.Kvitter(ctx, f.ID) }); err != nil {
			m.feilet(ctx, "acknowledging "+f.ID, err)
			return
		}
	}
}

// lastNed downloads, and compares with what was sent; false when there is nothing to
// acknowledge.
func (m *henter) lastNed(ctx context.Context, f client.SvarInnForsendelse) bool {
	dir := filepath.Join(m.mappe, fmt.Sprintf("%s-%d", f.ID, m.nr))
	if err := m.inn.Lagre(ctx, f, dir); err != nil {
		m.feilet(ctx, "downloading "+f.ID, err)
		return false
	}
	defer os.RemoveAll(dir)
	filer := map[string]innhold{}
	var meta metadata
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		r, err := os.Open(p)
		if err != nil {
			return err
		}
		defer r.Close()
		filer[d.Name()], err = meta.les(d.Name(), r)
		return err
	})
	if err != nil {
		m.h.feil("forsendelse %s cannot be read: %v", f.ID, err)
		return false
	}
	i := m.h.medRef(f.EksternRef)
	if _, digisos := filer[metadatafil]; digisos {
		i = m.h.medRef(meta.EksternRef)
		if i != nil && f.EksternRef != meta.DigisosID {
			m.h.feil("forsendelse %s of %s has the eksternRef %q, and is of case %s", f.ID, i.ref, f.EksternRef, meta.DigisosID)
		}
	}
	hvor := "forsendelse " + f.ID
	switch {
	case i == nil:
		m.h.feil("%s was never sent: its eksternRef is %q", hvor, f.EksternRef)
		return false
	case i.kommune != m.kommune.Kommunenummer:
		m.h.feil("%s of %s came to SvarInn of kommune %s and not of %s", hvor, i.ref, m.kommune.Kommunenummer, i.kommune)
	case i.slag == brev && f.Tittel != i.tittel:
		m.h.feil("%s of %s has another title than was sent", hvor, i.ref)
	}
	m.h.sammenlign(hvor, i, meta, filer)
	m.h.tilhorer(f.ID, i, "SvarInn")
	return true
}
