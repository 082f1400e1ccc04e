package fiksio

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"slices"
	"strings"
	"unicode/utf8"

	"knutepunkt/asice"
	"knutepunkt/cms"
	"knutepunkt/internal/keys"
	"knutepunkt/internal/store"
)

const (
	maksAvslag      = 64 << 10 // bytes of a refusal's payload that are looked at
	maksBegrunnelse = 4000     // bytes of its text that are kept
	ukjentType      = "ukjent"
)

// ugyldigForesporsel are the spellings of a refusal's type (contract §7).
var ugyldigForesporsel = []string{
	"no.ks.fiks.kvittering.ugyldigforespoersel.v1", "no.ks.fiks.kvittering.ugyldigforespørsel.v1",
}

// kjentType is a meldingstype as it may stand in logs: one that is known here,
// or "ukjent", since a type is what its sender has typed.
func kjentType(typ string) string {
	if typ == TypeTidsavbrudd || typ == TypeServerfeil || slices.Contains(ugyldigForesporsel, typ) {
		return typ
	}
	for _, p := range Protokoller() {
		if slices.Contains(p.Typer, typ) {
			return typ
		}
	}
	return ukjentType
}

// avslag reads a reply that refuses: grunn is a sentence of ours, begrunnelse
// what the mottaker wrote ("" when nothing can be read), which may hold anything.
func (k *Kanal) avslag(ctx context.Context, tx *store.Tx, m Melding) (grunn, begrunnelse string) {
	typ := kjentType(m.Type)
	switch {
	case slices.Contains(ugyldigForesporsel, typ):
		grunn = "Mottakeren avviste meldingen som ugyldig"
	case strings.HasSuffix(typ, ".feilet.v1"):
		grunn = "Mottakeren meldte at den ikke kunne ta imot meldingen"
	case typ == ukjentType:
		grunn = "Mottakeren svarte med en ukjent meldingstype"
	default:
		grunn = "Mottakeren svarte med " + typ + ", som ikke er kvitteringen på det den fikk"
	}
	begrunnelse, err := k.begrunnelse(ctx, tx, m)
	if err != nil { // its words are lost, the refusal is not; the error may name the mottaker's files
		k.s.Log.LogAttrs(ctx, slog.LevelWarn, "the text of a refusal cannot be read", slog.String("meldingId", m.MeldingID))
	}
	if typ == ukjentType {
		begrunnelse = strings.TrimSpace(m.Type + "\n" + begrunnelse)
	}
	return grunn, begrunnelse
}

var errForStortAvslag = errors.New("it is larger than a refusal's text can be")

// begrunnelse unpacks the text of a refusal: the feilmelding of the JSON file
// that it should be (contract §7), else the first text file as it is. Small
// payloads only: it runs in the transaction that removes the message.
func (k *Kanal) begrunnelse(ctx context.Context, tx *store.Tx, m Melding) (tekst string, err error) {
	if !m.HarNyttelast && m.DokumentlagerID == "" {
		return "", nil
	}
	if m.DokumentlagerID != "" || m.Storrelse > maksAvslag {
		return "", errForStortAvslag
	}
	r, err := k.s.apneNyttelast(ctx, tx, m)
	if err != nil {
		return "", err
	}
	defer r.Close()
	plattform, err := k.s.Ring.Platform(ctx, keys.Dokumentlager)
	if err != nil {
		return "", err
	}
	nokler := make([]cms.Key, len(plattform))
	for i, p := range plattform {
		nokler[i] = cms.Key{Private: p.Key}
	}
	klar, err := cms.NewReader(io.LimitReader(r, maksAvslag), nokler...)
	if err != nil {
		return "", err
	}
	grenser := asice.Limits{Files: 10, FileSize: maksAvslag, TotalSize: maksAvslag, Metadata: maksAvslag}
	_, err = asice.Read(klar, asice.Options{Limits: grenser, AllowUnsigned: true}, func(_ string, innhold io.Reader) error {
		if tekst != "" {
			return nil
		}
		b, err := io.ReadAll(innhold)
		tekst = feilmelding(b)
		return err
	})
	if err != nil {
		return "", err
	}
	return tekst, nil
}

// feilmelding is the text in one file of a refusal, bounded; "" when it has none.
func feilmelding(b []byte) string {
	var svar struct {
		Feilmelding string `json:"feilmelding"`
		Melding     string `json:"melding"` // Bekymringsmelding's (§11.3)
	}
	tekst := string(b)
	if json.Unmarshal(b, &svar) == nil && svar.Feilmelding+svar.Melding != "" {
		tekst = cmp.Or(svar.Feilmelding, svar.Melding)
	}
	if !utf8.ValidString(tekst) || strings.Contains(tekst, "\x00") {
		return ""
	}
	if len(tekst) > maksBegrunnelse {
		tekst = strings.ToValidUTF8(tekst[:maksBegrunnelse], "")
	}
	return strings.TrimSpace(tekst)
}
