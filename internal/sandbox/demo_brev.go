package sandbox

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"knutepunkt/cms"
	"knutepunkt/internal/klokke"
)

// tausKommune is the kommune whose fagsystem never answers.
const tausKommune = "9903"

// brevdemo is the second act: what becomes of a søknad that no machine fetches.
// It moves the sandbox's clock by days.
func (d *demo) brev(ctx context.Context) error {
	fmt.Fprintf(d.out, "\nEn søknad til %s kommune, der fagsystemet aldri svarer:\n\n", d.kommune.Navn)
	if err := d.spill(ctx, []demosteg{
		{"Innbyggeren sender søknaden", d.sendTilStille},
		{"Klokken går et døgn; ingen henter den fra Fiks IO", d.tilAltinn},
		{"Klokken går til lesefristen er ute; ingen leser den i Altinn", d.tilPrint},
		{"Trykkeriet henter brevet, dekrypterer og skriver det ut", d.skrivUt},
		{"NAV ser at søknaden er levert", d.levert},
	}); err != nil {
		return err
	}
	naa, err := d.klokken(ctx, "")
	if err != nil {
		return err
	}
	fmt.Fprintf(d.out, "\nKlokken i sandkassen står nå på %s.\nSpor av saken: %s/sandbox/spor/%s\n",
		klokke.Oslo(naa).Format("02.01.2006 kl. 15:04"), d.Beskrivelse.BaseURL, d.id)
	return nil
}

func (d *demo) sendTilStille(ctx context.Context) (string, error) {
	if _, err := d.hentNokkel(ctx); err != nil {
		return "", err
	}
	if _, err := d.mellomlagre(ctx); err != nil {
		return "", err
	}
	return d.send(ctx)
}

// kall calls one of the sandbox's own endpoints.
func (d *demo) kall(ctx context.Context, metode, sti, inn string, ut any) error {
	req, err := http.NewRequestWithContext(ctx, metode, d.Beskrivelse.BaseURL+sti, strings.NewReader(inn))
	if err != nil {
		return err
	}
	if inn != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	req.Header.Set("Accept", "application/json")
	hc := d.HTTP
	if hc == nil {
		hc = http.DefaultClient
	}
	resp, err := hc.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode >= 300 {
		return fmt.Errorf("%s %s answered %d", metode, sti, resp.StatusCode)
	}
	if ut == nil {
		return nil
	}
	return json.NewDecoder(io.LimitReader(resp.Body, 16<<20)).Decode(ut)
}

// klokken moves the sandbox's clock, by nothing for "", and tells where it stands.
func (d *demo) klokken(ctx context.Context, fram string) (time.Time, error) {
	var svar klokkesvar
	if fram == "" {
		return svar.Time, d.kall(ctx, http.MethodGet, "/sandbox/clock", "", &svar)
	}
	err := d.kall(ctx, http.MethodPost, "/sandbox/clock", `{"advance": "`+fram+`"}`, &svar)
	return svar.Time, err
}

// forsendelse is what the trace tells of the søknad in SvarUt.
func (d *demo) forsendelse(ctx context.Context) (sporlevering, error) {
	var s sporet
	if err := d.kall(ctx, http.MethodGet, "/sandbox/spor/"+d.id, "", &s); err != nil {
		return sporlevering{}, err
	}
	for _, l := range s.Leveringer {
		if l.Status != "" {
			return l, nil
		}
	}
	return sporlevering{}, errors.New("the søknad is not in SvarUt")
}

// ventPaaStatus waits until the forsendelse has a status; channels work in the background.
func (d *demo) ventPaaStatus(ctx context.Context, status string) (sporlevering, error) {
	ctx, cancel := context.WithTimeout(ctx, demofrist)
	defer cancel()
	for {
		l, err := d.forsendelse(ctx)
		if err == nil && l.Status == status {
			return l, nil
		}
		if !vent(ctx, 20*time.Millisecond) {
			return l, errors.Join(fmt.Errorf("it is %s, not %s", l.Status, status), err)
		}
	}
}

func (d *demo) tilAltinn(ctx context.Context) (string, error) {
	if _, err := d.klokken(ctx, "24h30m"); err != nil {
		return "", err
	}
	l, err := d.ventPaaStatus(ctx, "VARSLET")
	if err != nil {
		return "", err
	}
	var innboks []struct{ Mottaker, Referanse, Tittel string }
	if err := d.kall(ctx, http.MethodGet, "/sandbox/altinn", "", &innboks); err != nil {
		return "", err
	}
	for _, b := range innboks {
		if b.Mottaker == d.kommune.Organisasjonsnummer && l.Frist != nil {
			return fmt.Sprintf("SvarUt overtok; «%s» ligger i kommunens innboks i Altinn, med lesefrist %s",
				b.Tittel, klokke.Oslo(*l.Frist).Format("02.01.2006 kl. 15:04")), nil
		}
	}
	return "", errors.New("nothing came to the kommune's inbox in Altinn")
}

func (d *demo) tilPrint(ctx context.Context) (string, error) {
	l, err := d.forsendelse(ctx)
	if err != nil {
		return "", err
	}
	naa, err := d.klokken(ctx, "")
	if err != nil || l.Frist == nil {
		return "", errors.Join(errors.New("the reading deadline is not known"), err)
	}
	if _, err := d.klokken(ctx, (l.Frist.Sub(naa) + time.Second).Round(time.Second).String()); err != nil {
		return "", err
	}
	if _, err := d.ventPaaStatus(ctx, "SENDT_PRINT"); err != nil {
		return "", err
	}
	j, err := d.printjobb(ctx)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("brevet ligger kryptert i %s, til %s, %s %s", filepath.Join(d.Dir, filepath.FromSlash(j.PDF)), j.Adresse.Navn,
		j.Adresse.Postnummer, j.Adresse.Poststed), nil
}

// printjobb is the letter that the printer has waiting for the kommune.
func (d *demo) printjobb(ctx context.Context) (printjobb, error) {
	var jobber []printjobb
	if err := d.kall(ctx, http.MethodGet, "/sandbox/print", "", &jobber); err != nil {
		return printjobb{}, err
	}
	for _, j := range jobber {
		if j.Adresse.Postnummer == d.kommune.Kommunenummer && j.Status == "KLAR" && j.Kilde == "DIGISOS" {
			return j, nil
		}
	}
	return printjobb{}, errors.New("no letter waits at the printer's")
}

// skrivUt is what a printer does: decrypt, compare with the order, confirm.
func (d *demo) skrivUt(ctx context.Context) (string, error) {
	j, err := d.printjobb(ctx)
	if err != nil {
		return "", err
	}
	ordre, err := os.ReadFile(filepath.Join(d.Dir, filepath.FromSlash(j.Job)))
	if err != nil {
		return "", err
	}
	var o struct {
		AntallSider int    `json:"antallSider"`
		SHA256      string `json:"sha256"`
	}
	if err := json.Unmarshal(ordre, &o); err != nil {
		return "", err
	}
	key, err := lesPrivat(filepath.Join(d.Dir, filepath.FromSlash(j.PrivateKey)))
	if err != nil {
		return "", err
	}
	f, err := os.Open(filepath.Join(d.Dir, filepath.FromSlash(j.PDF)))
	if err != nil {
		return "", err
	}
	defer f.Close()
	r, err := cms.NewReader(f, cms.Key{Private: key})
	if err != nil {
		return "", err
	}
	pdf, err := io.ReadAll(r)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(pdf)
	if hex.EncodeToString(sum[:]) != o.SHA256 || !bytes.HasPrefix(pdf, []byte("%PDF-")) {
		return "", errors.New("the letter is not what its order says")
	}
	if err := d.kall(ctx, http.MethodPost, "/sandbox/print/"+j.ID+"/levert", "", nil); err != nil {
		return "", err
	}
	return fmt.Sprintf("%d sider på %d byte, sha256 som i ordren; trykkeriet kvitterer LEVERT", o.AntallSider, len(pdf)), nil
}
