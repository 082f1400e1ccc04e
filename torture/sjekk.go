package main

import (
	"bytes"
	"context"
	"crypto/sha512"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"strconv"
	"time"

	"golang.org/x/sync/errgroup"

	"knutepunkt/client"
)

// stikkprove opens some cases at random, and asks of more whether they are delivered.
func (l *liv) stikkprove(ctx context.Context, rng *rand.Rand, antall int) {
	var flere []*innsending
	for range 10 * antall {
		if i := l.h.tilfeldigSak(rng); i != nil {
			flere = append(flere, i)
		}
	}
	if _, err := l.levert(ctx, flere); err != nil {
		l.h.feil("life %d: %v", l.nr, err)
	}
	for range antall {
		i := l.h.tilfeldigSak(rng)
		if i == nil {
			return
		}
		sak, err := l.folk[i.fnr].Soknad(ctx, i.digisosID)
		if err != nil {
			l.h.feil("søknad %s was taken as %s and does not open: %v", i.ref, i.digisosID, err)
			continue
		}
		l.sjekkSak(ctx, i, sak, false)
	}
}

// stillstand is how long nothing may be delivered while something waits for it.
const stillstand = 30 * time.Second

// ventPaaLevering waits until everything that was taken has been delivered and
// confirmed, but for what the printer has refused; what has not when nothing has
// moved for so long is given back. straks leaves out what takes days.
func (l *liv) ventPaaLevering(ctx context.Context, straks bool, stillstand time.Duration) (mangler []string, err error) {
	sist, igjen := time.Now(), -1
	for {
		mangler, err = l.mangler(ctx, straks)
		if err != nil || len(mangler) == 0 {
			return mangler, err
		}
		if igjen < 0 || len(mangler) < igjen {
			sist, igjen = time.Now(), len(mangler)
		}
		if time.Since(sist) > stillstand {
			return mangler, nil
		}
		select {
		case <-ctx.Done():
			return mangler, ctx.Err()
		case <-l.Slutt():
			return mangler, fmt.Errorf("the platform ended")
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// somVenter are those of a kind that are to be delivered.
func (h *historie) somVenter(s slag, straks bool) (ut []*innsending) {
	for _, i := range h.godtatte(s) {
		h.mu.Lock()
		sein := i.kommune == utenMottak
		for _, f := range i.forsendelser {
			sein = sein || f.permanent.provd
		}
		if !i.avvistLast() && !(straks && sein) {
			ut = append(ut, i)
		}
		h.mu.Unlock()
	}
	return ut
}

func (l *liv) mangler(ctx context.Context, straks bool) (mangler []string, err error) {
	soknader := l.h.somVenter(soknad, straks)
	levert, err := l.levert(ctx, soknader)
	if err != nil {
		return nil, err
	}
	for _, i := range soknader {
		if !levert[i.digisosID] {
			mangler = append(mangler, "søknad "+i.ref+" ("+i.digisosID+") to "+i.kommune)
		}
	}
	for _, i := range l.h.somVenter(ettersendelse, straks) {
		l.h.mu.Lock()
		if _, kanskje := l.h.levertLast(i); !kanskje {
			mangler = append(mangler, "ettersendelse "+i.ref+" of "+i.sak.digisosID+" to "+i.kommune)
		}
		l.h.mu.Unlock()
	}
	rapporter, err := l.manglerRapporter(ctx, straks)
	if err != nil {
		return nil, err
	}
	mangler = append(mangler, rapporter...)
	brev := l.h.somVenter(brev, straks)
	statuser, err := l.brevstatuser(ctx, brev)
	if err != nil {
		return nil, err
	}
	for _, i := range brev {
		switch s := statuser[i.brevID]; s {
		case "LEST", "PRINTET":
		case "":
			l.h.feil("brev %s was taken as %s, which the platform does not know", i.ref, i.brevID)
		default:
			mangler = append(mangler, "brev "+i.ref+" ("+i.brevID+") to "+i.kommune+": "+s)
		}
	}
	return mangler, nil
}

// levert asks the platform which søknader are delivered. It must never say so of one
// that no receiver has.
func (l *liv) levert(ctx context.Context, soknader []*innsending) (map[string]bool, error) {
	ut := map[string]bool{}
	for fra := 0; fra < len(soknader); fra += 500 {
		del := soknader[fra:min(fra+500, len(soknader))]
		ider := make([]string, len(del))
		for n, i := range del {
			ider[n] = i.digisosID
		}
		svar, err := l.nav.LevertFagsystem(ctx, "torture", ider...)
		if err != nil {
			return nil, fmt.Errorf("asking for levertFagsystem: %w", err)
		}
		for _, i := range del {
			er, kjent := svar[i.digisosID]
			if !kjent {
				l.h.feil("søknad %s was taken as %s, which the platform does not know", i.ref, i.digisosID)
			}
			l.h.mu.Lock()
			if _, kanskje := l.h.levertLast(i); er && !kanskje {
				l.h.feilLast("søknad %s (%s) is said to be delivered, and no receiver has confirmed it", i.ref, i.digisosID)
			}
			l.h.mu.Unlock()
			ut[i.digisosID] = er
		}
	}
	return ut, nil
}

// sjekkAlt opens everything as its owner, and looks for what nobody sent.
func (l *liv) sjekkAlt(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(4)
	ventet := map[string]int{}
	for _, i := range l.h.godtatte(soknad) {
		ventet[i.fnr]++
	}
	for _, fnr := range l.fnr {
		saker, err := l.folk[fnr].Soknader(ctx)
		if err != nil {
			return fmt.Errorf("listing a citizen's cases: %w", err)
		}
		if len(saker) != ventet[fnr] {
			l.h.feil("a citizen has %d cases and sent %d søknader", len(saker), ventet[fnr])
		}
		for _, sak := range saker {
			l.h.mu.Lock()
			i := l.h.paaID[sak.FiksDigisosID]
			l.h.mu.Unlock()
			if i == nil || i.fnr != fnr {
				l.h.feil("case %s in a citizen's list is none of those sent", sak.FiksDigisosID)
				continue
			}
			g.Go(func() error {
				l.sjekkSak(ctx, i, sak, true)
				return ctx.Err()
			})
		}
	}
	return g.Wait()
}

// sjekkSak compares a case, as the citizen sees it, with what was sent; alt
// means that every ettersendelse that was taken is among h.alle's and must be there.
func (l *liv) sjekkSak(ctx context.Context, i *innsending, sak client.DigisosSak, alt bool) {
	h := l.h
	h.tell("saker åpnet")
	feil := func(format string, arg ...any) {
		h.feil("case %s (%s): %s", sak.FiksDigisosID, i.ref, fmt.Sprintf(format, arg...))
	}
	o := sak.OriginalSoknadNAV
	if o == nil || o.NavEksternRefID != i.ref || sak.SokerFnr != i.fnr || sak.FiksDigisosID != i.digisosID {
		feil("it is not the søknad that was sent")
		return
	}
	l.sjekkDokument(ctx, i, sak, o.Metadata, sha512.Sum512(i.soknadJSON), feil)
	l.sjekkDokument(ctx, i, sak, o.VedleggMetadata, sha512.Sum512(i.vedleggJSON), feil)
	l.sjekkFiler(ctx, i, sak, append([]client.DokumentInfo{o.SoknadDokument}, o.Vedlegg...), i.alleFiler(), feil)

	sett := map[string]bool{}
	if sak.EttersendtInfoNAV != nil {
		for _, e := range sak.EttersendtInfoNAV.Ettersendelser {
			h.mu.Lock()
			ei := h.paaRef[e.NavEksternRefID]
			h.mu.Unlock()
			if ei == nil || ei.sak != i || sett[e.NavEksternRefID] {
				feil("ettersendelse %q was not sent to it, or stands there twice", e.NavEksternRefID)
				continue
			}
			sett[e.NavEksternRefID] = true
			l.sjekkDokument(ctx, i, sak, e.VedleggMetadata, sha512.Sum512(ei.vedleggJSON), feil)
			l.sjekkFiler(ctx, i, sak, e.Vedlegg, ei.filer, feil)
		}
	}
	if alt {
		for _, e := range h.godtatte(ettersendelse) {
			if e.sak == i && !sett[e.ref] {
				feil("ettersendelse %s was taken and is not there", e.ref)
			}
		}
	}
	l.sjekkOppdatering(ctx, i, sak, feil)
}

// sjekkOppdatering: the version that the citizen sees is the last that was
// answered, or one after it whose answer was lost.
func (l *liv) sjekkOppdatering(ctx context.Context, i *innsending, sak client.DigisosSak, feil func(string, ...any)) {
	l.h.mu.Lock()
	v := i.versjoner
	filer := make(map[string]*fil, len(v.filer))
	for id, f := range v.filer {
		filer[id] = f
	}
	l.h.mu.Unlock()
	if sak.DigisosSoker == nil {
		if v.kvittert > 0 {
			feil("update %d was taken and none is there", v.kvittert)
		}
		return
	}
	vist := map[string]client.DokumentInfo{}
	for _, d := range sak.DigisosSoker.Dokumenter {
		vist[d.DokumentlagerDokumentID] = d
	}
	for id, f := range filer {
		if d, ok := vist[id]; !ok || d.Filnavn != f.navn || d.Storrelse != f.lengde {
			feil("the fagsystem's file %s was taken and is not there", id)
		} else {
			l.sjekkDokument(ctx, i, sak, id, f.sum, feil)
		}
	}
	if sak.DigisosSoker.Metadata == "" {
		if v.kvittert > 0 {
			feil("update %d was taken and none is there", v.kvittert)
		}
		return
	}
	data, err := l.hent(ctx, i, sak, sak.DigisosSoker.Metadata)
	if err != nil {
		feil("its digisos-soker.json does not open: %v", err)
		return
	}
	var soker struct {
		Avsender struct {
			Systemversjon string `json:"systemversjon"`
		} `json:"avsender"`
	}
	if err := json.Unmarshal(data, &soker); err != nil {
		feil("its digisos-soker.json is no JSON: %v", err)
		return
	}
	if nr, err := strconv.Atoi(soker.Avsender.Systemversjon); err != nil || nr < v.kvittert || nr > v.forsokt {
		feil("update %q is shown; %d was the last taken, %d the last sent", soker.Avsender.Systemversjon, v.kvittert, v.forsokt)
	}
}

func (l *liv) sjekkFiler(ctx context.Context, i *innsending, sak client.DigisosSak, fikk []client.DokumentInfo, sendt []*fil, feil func(string, ...any)) {
	if len(fikk) != len(sendt) {
		feil("%d files are there and %d were sent", len(fikk), len(sendt))
		return
	}
	for n, f := range sendt {
		if fikk[n].Filnavn != f.navn || fikk[n].Storrelse != f.lengde {
			feil("file %d has another name, size or place than was sent", n+1)
			continue
		}
		l.sjekkDokument(ctx, i, sak, fikk[n].DokumentlagerDokumentID, f.sum, feil)
	}
}

func (l *liv) sjekkDokument(ctx context.Context, i *innsending, sak client.DigisosSak, id string, vil sum, feil func(string, ...any)) {
	r, err := l.folk[i.fnr].Dokument(ctx, sak.FiksDigisosID, id)
	if err != nil {
		feil("document %s does not open: %v", id, err)
		return
	}
	defer r.Close()
	fikk, err := summer(r)
	if err != nil {
		feil("document %s broke off: %v", id, err)
	} else if fikk.sum != vil {
		feil("document %s has %d bytes of other content than was sent", id, fikk.lengde)
	}
	l.h.tell("dokumenter lest")
}

func (l *liv) hent(ctx context.Context, i *innsending, sak client.DigisosSak, id string) ([]byte, error) {
	r, err := l.folk[i.fnr].Dokument(ctx, sak.FiksDigisosID, id)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	var b bytes.Buffer
	_, err = io.Copy(&b, io.LimitReader(r, 1<<20))
	return b.Bytes(), err
}
