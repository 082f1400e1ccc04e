package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"net/url"

	"knutepunkt/client"
	"knutepunkt/cms"
)

// nyttBrev is a letter that the kommune's own system sends another kommune by SvarUt.
func (l *liv) nyttBrev(rng *rand.Rand) *innsending {
	merke, nr := l.h.plant()
	i := &innsending{nr: nr, slag: brev, kommune: medSvarInn, ref: fmt.Sprintf("b%d", nr), kryptert: rng.IntN(2) == 0}
	if rng.IntN(2) == 0 {
		i.kommune = utenMottak
	}
	i.tittel = "Vedtak " + merke + i.ref
	for n := range 1 + rng.IntN(2) {
		i.filer = append(i.filer, l.h.nyFil(rng, fmt.Sprintf("vedtak %d.pdf", n+1), storrelse(rng), true))
	}
	if rng.IntN(3) == 0 {
		i.filer = append(i.filer, l.h.nyFil(rng, "grunnlag.bin", 100+rng.IntN(3000), false))
	}
	l.h.mu.Lock()
	l.h.post.brev[i.tittel] = i
	l.h.mu.Unlock()
	return i
}

func (l *liv) brevkonto() string {
	return "/api/v2/kontoer/" + l.kommune.Fagsystem.SvarUt.KontoID + "/forsendelser"
}

// svarut calls SvarUt's API v2 as the kommune's integrasjon.
func (l *liv) svarut(ctx context.Context, metode, sti, contentType string, inn io.Reader, ut any) error {
	token, err := l.token(ctx)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, metode, l.BaseURL+sti, inn)
	if err != nil {
		return err
	}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("IntegrasjonId", l.kommune.Fagsystem.ID)
	req.Header.Set("IntegrasjonPassord", l.kommune.Fagsystem.Passord)
	return l.Gjor(req, ut)
}

// sendBrev sends a letter; one that got no answer before is first asked for by its
// eksternRef, which finds at most one.
func (l *liv) sendBrev(ctx context.Context, i *innsending, sendtFor bool) (taus, ny bool) {
	if sendtFor {
		var kjente struct {
			IDer []string `json:"forsendelseIds"`
		}
		err := l.svarut(ctx, http.MethodGet, l.brevkonto()+"?eksternRef="+url.QueryEscape(i.ref), "", nil, &kjente)
		switch {
		case client.Status(err) != 0:
			l.h.feil("life %d: asking for brev %s was refused: %v", l.nr, i.ref, err)
			return false, false
		case err != nil:
			l.taus("asking for brev "+i.ref, err)
			return true, false
		case len(kjente.IDer) > 1:
			l.h.feil("brev %s was taken %d times: %v", i.ref, len(kjente.IDer), kjente.IDer)
		}
		if len(kjente.IDer) > 0 {
			l.h.svar(i, kjente.IDer[0], "eksternRef")
			l.h.tell("brev funnet med eksternRef")
			return false, false
		}
	}
	kropp, contentType, err := l.brevkropp(i)
	if err != nil {
		l.h.feil("making brev %s: %v", i.ref, err)
		return false, false
	}
	var svar struct {
		ID string `json:"id"`
	}
	err = l.svarut(ctx, http.MethodPost, l.brevkonto(), contentType, kropp, &svar)
	switch {
	case err == nil:
		l.h.svar(i, svar.ID, "200")
		return false, true
	case client.Status(err) == 0:
		l.taus("brev "+i.ref, err)
		return true, false
	}
	l.h.feil("life %d: brev %s was refused: %v", l.nr, i.ref, err)
	return false, false
}

func (l *liv) brevkropp(i *innsending) (*bytes.Buffer, string, error) {
	type dokument struct {
		Filnavn      string `json:"filnavn"`
		MimeType     string `json:"mimeType"`
		UtenUtskrift bool   `json:"skalEkskluderesFraUtskrift"`
	}
	var dokumenter []dokument
	for _, f := range i.filer {
		d := dokument{f.navn, "application/pdf", false}
		if !f.pdf {
			d = dokument{f.navn, "application/octet-stream", true}
		}
		dokumenter = append(dokumenter, d)
	}
	meta, err := json.Marshal(map[string]any{
		"tittel": i.tittel, "eksternReferanse": i.ref, "avgivendeSystem": "torture", "dokumenter": dokumenter,
		"mottaker": map[string]string{"digitalId": l.orgnr[i.kommune], "navn": "Kommunen", "adresselinje1": "Rådhusplassen 1",
			"postnummer": i.kommune, "poststed": "Byen"},
		"kryptert": i.kryptert, "krevNiva4Innlogging": i.kryptert,
		"utskriftskonfigurasjon": map[string]bool{"tosidig": i.nr%2 == 0},
	})
	if err != nil {
		return nil, "", err
	}
	var kropp bytes.Buffer
	w := multipart.NewWriter(&kropp)
	del, err := w.CreatePart(textproto.MIMEHeader{"Content-Disposition": {`form-data; name="forsendelse"`}, "Content-Type": {"application/json"}})
	if err != nil {
		return nil, "", err
	}
	if _, err := del.Write(meta); err != nil {
		return nil, "", err
	}
	for _, f := range i.filer {
		del, err := w.CreateFormFile("dokument", f.navn)
		if err != nil {
			return nil, "", err
		}
		if err := l.skrivFil(del, f, i.kryptert); err != nil {
			return nil, "", err
		}
	}
	return &kropp, w.FormDataContentType(), w.Close()
}

func (l *liv) skrivFil(w io.Writer, f *fil, kryptert bool) error {
	if !kryptert {
		_, err := io.Copy(w, l.h.innhold(f))
		return err
	}
	k, err := cms.NewWriter(w, l.cert)
	if err != nil {
		return err
	}
	if _, err := io.Copy(k, l.h.innhold(f)); err != nil {
		return err
	}
	return k.Close()
}

// brevstatuser asks SvarUt how the letters stand.
func (l *liv) brevstatuser(ctx context.Context, brev []*innsending) (map[string]string, error) {
	ut := map[string]string{}
	for fra := 0; fra < len(brev); fra += 500 {
		var sok struct {
			IDer []string `json:"forsendelseIds"`
		}
		for _, i := range brev[fra:min(fra+500, len(brev))] {
			sok.IDer = append(sok.IDer, i.brevID)
		}
		inn, err := json.Marshal(sok)
		if err != nil {
			return nil, err
		}
		var svar struct {
			Statuser []struct{ ID, Status string } `json:"statuser"`
		}
		if err := l.svarut(ctx, http.MethodPost, l.brevkonto()+"/status-sok", "application/json", bytes.NewReader(inn), &svar); err != nil {
			return nil, fmt.Errorf("asking for the status of letters: %w", err)
		}
		for _, s := range svar.Statuser {
			ut[s.ID] = s.Status
		}
	}
	return ut, nil
}
