package bekymring

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/singleflight"

	"knutepunkt/internal/auth"
	"knutepunkt/internal/bekymringsmelding"
	"knutepunkt/internal/feil"
	"knutepunkt/internal/portal"
)

// sendere lets a form that is sent twice at once be sent once.
type sendere struct{ singleflight.Group }

// visSeOver shows all answers, each with the way to change it.
func (v *veiviser) visSeOver(w http.ResponseWriter, r *http.Request, status int, feilene []portal.Lenke) error {
	if !v.har {
		return portal.Videre(w, r, "/"+v.s.sti)
	}
	if neste := v.neste(); neste != seOver {
		return portal.Videre(w, r, v.base+neste)
	}
	if !v.kjent && status == http.StatusOK {
		return portal.Videre(w, r, "/"+v.s.sti+"/kommune")
	}
	var grupper []portal.Gruppe
	for _, s := range v.s.steg {
		grupper = append(grupper, svarene(v.t, s, utfylt(v.s.typ, v.felt(v.utkast.Felt)), v.base+s.navn)...)
	}
	navn, kjent := v.b.Melding.Meldernavn(r.Context(), v.fnr)
	if !kjent {
		navn = v.t("bek.navn.ukjent")
	}
	til := v.t("bek.mottaker.ingen")
	if v.kjent {
		til = v.mottaker.navn(v.t)
	}
	topp := portal.Gruppe{Tittel: v.t("bek.seover.mottaker"), URL: "/" + v.s.sti + "/kommune", Endre: v.t("bek.endre", "hva", v.t("bek.seover.mottaker")),
		Svar: []portal.Svar{{Navn: v.t("bek.til"), Verdi: til}, {Navn: v.t("bek.fra"), Verdi: navn}}}
	return v.b.vis(w, r, status, "bekseover", portal.Side{Tittel: v.t("bek.seover") + " – " + v.t(v.s.tittel), Feil: feilene}, map[string]any{
		"Grupper": append([]portal.Gruppe{topp}, grupper...), "Stegliste": v.stegliste(seOver), "Forrige": v.forrige(len(v.s.steg)),
		"Avtrykk": v.avtrykk(), "Nokkel": v.utkast.Felt.Get(feltNokkel), "Endret": v.utkast.Endret, "Slettes": v.utkast.Endret.Add(Levetid),
		"Til": til, "Telefon": v.mottaker.Telefon, "Senere": "/" + v.s.sti + "/senere", "Slett": "/" + v.s.sti + "/slett",
	})
}

// kvitteringen is the receipt of a form that has been sent; ok is false when there is none.
func (b *Bekymring) kvitteringen(r *http.Request, s skjemaet, nokkel string) (portal.Utkast, bool, error) {
	k, ok, err := b.Utkast(r.Context(), auth.From(r.Context()).Fnr, utkastKvittering, nokkel)
	return k, ok && k.Felt.Get("skjema") == s.sti, err
}

// fullfor sends the report. Once it is sent the draft is gone, and to send it again shows
// the same receipt.
func (v *veiviser) fullfor(w http.ResponseWriter, r *http.Request) error {
	nokkel := r.PostForm.Get(feltNokkel)
	kvittering := "/" + v.s.sti + "/kvittering/" + url.PathEscape(nokkel)
	if err := v.b.GlemSkjema(r); err != nil {
		return err
	}
	k, sendt, err := v.b.kvitteringen(r, v.s, nokkel)
	switch {
	case err != nil:
		return err
	case sendt && (!v.har || k.Felt.Get("avtrykk") == r.PostForm.Get("avtrykk")):
		return portal.Videre(w, r, kvittering)
	case sendt: // what lies here was written after that was sent
		v.utkast.Felt.Set(feltNokkel, uuid.NewString())
		if err := v.lagre(r.Context()); err != nil {
			return err
		}
	}
	if !v.har {
		return portal.Videre(w, r, "/"+v.s.sti+"/slettet")
	}
	if neste := v.neste(); neste != seOver {
		return portal.Videre(w, r, v.base+neste)
	}
	si := func(status int, tekst string) error {
		return v.visSeOver(w, r, status, []portal.Lenke{{Tekst: tekst}})
	}
	if !v.kjent {
		return si(http.StatusUnprocessableEntity, v.t("bek.send.mottaker"))
	}
	if nokkel != v.utkast.Felt.Get(feltNokkel) || r.PostForm.Get("avtrykk") != v.avtrykk() {
		return si(http.StatusConflict, v.t("bek.send.endret"))
	}
	// The answers are part of the key: what is changed after a try whose outcome nobody
	// knows is another report, and is not taken for the first.
	// Of two requests at once the browser drops the first: what it began is carried through.
	_, err, _ = v.b.sender.Do(v.fnr+":"+v.avtrykk(), func() (any, error) {
		ctx, slutt := context.WithTimeout(context.WithoutCancel(r.Context()), maksSending)
		defer slutt()
		r := r.WithContext(ctx)
		if _, sendt, err := v.b.kvitteringen(r, v.s, nokkel); err != nil || sendt {
			return nil, err
		}
		return nil, v.send(ctx, nokkel)
	})
	if feil.Er(err, feil.ForStor) {
		return si(http.StatusUnprocessableEntity, v.t("bek.send.forlang"))
	} else if err != nil {
		portal.Noter(r, err)
		return si(http.StatusServiceUnavailable, v.t("bek.send.feil"))
	}
	return portal.Videre(w, r, kvittering)
}

// maksSending is how long a report may take to be sent.
const maksSending = 2 * time.Minute

// sendes is when this was first sent: decided, and stored, before it is tried.
func (v *veiviser) sendes(ctx context.Context) (time.Time, error) {
	hva, naar, _ := strings.Cut(v.utkast.Felt.Get(feltSendes), " ")
	if t, err := time.Parse(time.RFC3339, naar); err == nil && hva == v.avtrykk() {
		return t, nil
	}
	t := v.b.Klokke.Now().Truncate(time.Second)
	v.utkast.Felt.Set(feltSendes, v.avtrykk()+" "+t.Format(time.RFC3339))
	return t, v.lagre(ctx)
}

func (v *veiviser) send(ctx context.Context, nokkel string) error {
	tid, err := v.sendes(ctx)
	if err != nil {
		return err
	}
	spraak := "nb"
	if v.spraak == "nn" {
		spraak = "nn"
	}
	sendt, err := v.b.Melding.Send(ctx, auth.From(ctx), bekymringsmelding.Innsending{Bydel: v.mottaker.Bydel, Versjon: v.mottaker.StottetVersjon,
		Type: v.s.typ, Lag: lag(v.s.typ, v.mottaker, v.utkast.Felt), Spraak: spraak, Tid: tid, Nokkel: nokkel + ":" + v.avtrykk()})
	if err != nil {
		return err
	}
	kv := portal.Utkast{Felt: url.Values{"skjema": {v.s.sti}, "avtrykk": {v.avtrykk()}, "id": {sendt.ID}, "sendt": {sendt.Tid.UTC().Format(time.RFC3339)}, "kommune": {v.mottaker.Kommunenummer},
		"bydel": {v.mottaker.Bydelsnummer}, "til": {v.mottaker.navn(v.t)}, "navn": {v.mottaker.Kommune}, "telefon": {v.mottaker.Telefon}}}
	pdf := portal.Utkast{Felt: url.Values{"pdf": {base64.StdEncoding.EncodeToString(sendt.PDF)}}}
	return v.b.FullforUtkast(ctx, v.fnr, utkastMelding, v.s.sti,
		portal.FraUtkast{Skjema: utkastKvittering, Gjelder: nokkel, Utkast: kv}, portal.FraUtkast{Skjema: utkastPDF, Gjelder: nokkel, Utkast: pdf})
}

// tilstander are what the sender is told of each state, its colour, and whether it may
// still change soon.
var tilstander = map[bekymringsmelding.Tilstand]struct {
	tekst, farge string
	venter       bool
}{
	bekymringsmelding.Akseptert:       {"bek.tilstand.akseptert", "info", true},
	bekymringsmelding.SendtFagsystem:  {"bek.tilstand.sendt", "info", true},
	bekymringsmelding.AvvistFagsystem: {"bek.tilstand.brev", "info", true},
	bekymringsmelding.SendtPrint:      {"bek.tilstand.brev", "info", false},
	bekymringsmelding.AvvistPrint:     {"bek.tilstand.folges", "warning", false},
	bekymringsmelding.Levert:          {"bek.tilstand.levert", "success", false},
}

// oppfrisk is how often a browser without scripts loads the receipt anew, in seconds,
// while its delivery is on the way.
const oppfrisk = 10

func ikkeKvittering() error { return feil.Ny(feil.IkkeFunnet, "Kvitteringen finnes ikke") }

// svarfrist is when a public reporter should have heard from barnevernet (§14.3).
const svarfrist = 21

// visKvittering shows the receipt to whoever sent the report, for Levetid.
func (b *Bekymring) visKvittering(w http.ResponseWriter, r *http.Request, s skjemaet) error {
	k, finnes, err := b.kvitteringen(r, s, r.PathValue("id"))
	if err != nil {
		return err
	}
	if !finnes {
		return ikkeKvittering()
	}
	sendt, err := time.Parse(time.RFC3339, k.Felt.Get("sendt"))
	if err != nil {
		return fmt.Errorf("the time of a receipt: %w", err)
	}
	kv, err := b.Melding.Kvittering(r.Context(), k.Felt.Get("id"))
	if err != nil && !feil.Er(err, feil.IkkeFunnet) {
		return err
	}
	t := b.Tolk(r)
	naa := tilstander[kv.Tilstand]
	if naa.tekst == "" {
		naa = tilstander[bekymringsmelding.Akseptert]
	}
	var hendelser []portal.Hendelse
	for i, h := range kv.Hendelser {
		if ts, kjent := tilstander[h.Tilstand]; kjent {
			hendelser = append(hendelser, portal.Hendelse{Tekst: t(ts.tekst), Tid: h.Tidspunkt, Naa: i == len(kv.Hendelser)-1})
		}
	}
	stoppet := r.URL.Query().Get("stopp") != ""
	side := portal.Side{Tittel: t("bek.kvittering.tittel"), Smuler: b.smuler(r)}
	if naa.venter && !stoppet {
		side.Oppfrisk = oppfrisk
	}
	her := "/" + s.sti + "/kvittering/" + r.PathValue("id")
	return b.vis(w, r, http.StatusOK, "bekkvittering", side, map[string]any{
		"ID": k.Felt.Get("id"), "Sendt": sendt, "Til": k.Felt.Get("til"), "Kommune": k.Felt.Get("navn"), "Telefon": k.Felt.Get("telefon"), "Farge": naa.farge, "Status": t(naa.tekst), "Hendelser": hendelser,
		"Henter": naa.venter && !stoppet, "Venter": naa.venter, "Her": her, "Slettes": k.Endret.Add(Levetid), "Offentlig": s.sti == "offentlig", "Svar": sendt.AddDate(0, 0, svarfrist)})
}

// pdf gives what was sent to whoever sent it, for Levetid: the same bytes as the receiver
// has.
func (b *Bekymring) pdf(w http.ResponseWriter, r *http.Request, s skjemaet) error {
	k, finnes, err := b.kvitteringen(r, s, r.PathValue("id"))
	if err != nil {
		return err
	}
	u, har, err := b.Utkast(r.Context(), auth.From(r.Context()).Fnr, utkastPDF, r.PathValue("id"))
	if err != nil {
		return err
	}
	if !finnes || !har {
		return ikkeKvittering()
	}
	pdf, err := base64.StdEncoding.DecodeString(u.Felt.Get("pdf"))
	if err != nil {
		return fmt.Errorf("the PDF of a receipt: %w", err)
	}
	h := w.Header()
	h.Set("Content-Type", "application/pdf")
	h.Set("Content-Disposition", `attachment; filename="bekymringsmelding-`+k.Felt.Get("id")+`.pdf"`)
	_, err = w.Write(pdf)
	return err
}

// slettKvittering takes the receipt and its PDF away before their time.
func (b *Bekymring) slettKvittering(w http.ResponseWriter, r *http.Request, s skjemaet) error {
	fnr := auth.From(r.Context()).Fnr
	for _, skjema := range []string{utkastPDF, utkastKvittering} {
		if err := b.SlettUtkast(r.Context(), fnr, skjema, r.PathValue("id")); err != nil {
			return err
		}
	}
	return portal.Videre(w, r, "/"+s.sti+"/slettet")
}
