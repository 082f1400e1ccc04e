package bekymring

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"knutepunkt/internal/auth"
	"knutepunkt/internal/feil"
	"knutepunkt/internal/httpx"
	"knutepunkt/internal/portal"
)

// feltNokkel is the form's own key in its draft: of the same form there is one report.
// feltSendes is when it was first sent, and what: tried again it is the same to the byte.
const feltNokkel, feltSendes = "nokkel", "sendes"

// veiviser is what the steps of a form have in common.
type veiviser struct {
	b        *Bekymring
	s        skjemaet
	t        portal.Tolk
	spraak   string
	fnr      string
	utkast   portal.Utkast
	har      bool // there is a draft
	mottaker mottaker
	kjent    bool // there is a mottaker, and it receives
	base     string
}

func (b *Bekymring) veiviser(r *http.Request, s skjemaet) (v *veiviser, err error) {
	v = &veiviser{b: b, s: s, t: b.Tolk(r), spraak: b.Spraak(r), fnr: auth.From(r.Context()).Fnr, base: "/" + s.sti + "/steg/"}
	if v.utkast, v.har, err = b.Utkast(r.Context(), v.fnr, utkastMelding, s.sti); err != nil {
		return nil, err
	}
	return v, v.finnMottaker(r.Context())
}

// finnMottaker finds who receives; it is no error that nobody does, yet or any longer.
func (v *veiviser) finnMottaker(ctx context.Context) (err error) {
	v.mottaker, err = v.b.mottakeren(ctx, v.utkast.Felt.Get("kommune"), v.utkast.Felt.Get("bydel"))
	v.kjent = err == nil
	if feil.Er(err, feil.IkkeFunnet) {
		return nil
	}
	return err
}

// felt are the answers, with what the receiver takes.
func (v *veiviser) felt(av url.Values) url.Values {
	ut := maps.Clone(av)
	if ut == nil {
		ut = url.Values{}
	}
	ut.Set(feltVersjon, string(v.mottaker.StottetVersjon))
	return ut
}

// lagre keeps the draft, which has a key from its first day.
func (v *veiviser) lagre(ctx context.Context) error {
	if v.utkast.Felt.Get(feltNokkel) == "" {
		v.utkast.Felt.Set(feltNokkel, uuid.NewString())
	}
	if err := v.b.LagreUtkast(ctx, v.fnr, utkastMelding, v.s.sti, v.utkast); err != nil {
		return err
	}
	v.har, v.utkast.Endret = true, v.b.Klokke.Now()
	return nil
}

// lagret says when the draft was stored and how long it waits; nothing when there is none.
func (v *veiviser) lagret() string {
	if !v.har {
		return ""
	}
	return v.t("bek.lagret", "tid", portal.Tidspunkt(v.spraak, v.utkast.Endret)) + " " + v.t("bek.slettes", "tid", portal.Tidspunkt(v.spraak, v.utkast.Endret.Add(Levetid)))
}

// person marks the pages of the one who is logged in: what another one's page sends, from a
// tab that was left open, is not his.
func (v *veiviser) person() string { return v.b.Ring.Lookup("bekymring.hvem", v.fnr)[:16] }

// avtrykk changes with the answers and the receiver: what is sent is what was looked over.
func (v *veiviser) avtrykk() string {
	felt := maps.Clone(v.utkast.Felt)
	felt.Del(feltSendes)
	sum := sha256.Sum256([]byte(felt.Encode() + "&" + string(v.mottaker.StottetVersjon)))
	return hex.EncodeToString(sum[:])
}

// sjekket are a step's fields with all that is wrong with them.
func (v *veiviser) sjekket(s steg, felt url.Values) []*gruppe {
	gs := s.grupper(v.t, felt, true)
	skjemafeil(v.s.typ, v.mottaker, felt, v.spraak, gs)
	return gs
}

// holder tells whether a step has been answered, and the answers hold still.
func (v *veiviser) holder(s steg) bool {
	return slices.Contains(v.utkast.Ferdig, s.navn) && len(feilene(v.sjekket(s, v.felt(v.utkast.Felt)))) == 0
}

// neste is the first step that is not answered; the review when all are.
func (v *veiviser) neste() string {
	for _, s := range v.s.steg {
		if !v.holder(s) {
			return s.navn
		}
	}
	return seOver
}

func (v *veiviser) stegliste(her string) portal.Stegliste {
	l := portal.Stegliste{Merke: v.t("bek.steg"), Steg: []portal.Stegpunkt{{Tekst: v.t("bek.kommune.tittel"), Ferdig: v.kjent, URL: "/" + v.s.sti + "/kommune"}}}
	alle := true
	for _, s := range v.s.steg {
		pkt := portal.Stegpunkt{Tekst: v.t(s.tittel), Ferdig: v.holder(s), Her: s.navn == her}
		if alle = alle && pkt.Ferdig; pkt.Ferdig {
			pkt.URL = v.base + s.navn
		}
		l.Steg = append(l.Steg, pkt)
	}
	siste := portal.Stegpunkt{Tekst: v.t("bek.seover"), Her: her == seOver}
	if alle {
		siste.URL = v.base + seOver
	}
	l.Steg = append(l.Steg, siste)
	l.Nr = 1 + slices.IndexFunc(l.Steg, func(p portal.Stegpunkt) bool { return p.Her })
	return l
}

func (v *veiviser) steg(navn string) (int, error) {
	i := slices.IndexFunc(v.s.steg, func(s steg) bool { return s.navn == navn })
	if i < 0 {
		return 0, feil.Ny(feil.IkkeFunnet, "Steget finnes ikke")
	}
	return i, nil
}

// forrige is the step before one; "" of the first.
func (v *veiviser) forrige(i int) string {
	if i == 0 {
		return ""
	}
	return v.base + v.s.steg[i-1].navn
}

// visSteg shows a step, or the review.
func (b *Bekymring) visSteg(w http.ResponseWriter, r *http.Request, s skjemaet) error {
	v, err := b.veiviser(r, s)
	if err != nil {
		return err
	}
	if r.PathValue("steg") == seOver {
		return v.visSeOver(w, r, http.StatusOK, nil)
	}
	felt, err := b.Gjenopprettet(r)
	if err != nil {
		return err
	}
	i, err := v.steg(r.PathValue("steg"))
	if err != nil {
		return err
	}
	if !v.har && felt == nil {
		return portal.Videre(w, r, "/"+s.sti)
	}
	gjenopprettet := felt != nil
	if gjenopprettet {
		felt = s.steg[i].les(v.t, felt)
	} else {
		felt = v.utkast.Felt
	}
	return v.vis(w, r, http.StatusOK, i, s.steg[i].grupper(v.t, v.felt(felt), false), gjenopprettet)
}

func (v *veiviser) vis(w http.ResponseWriter, r *http.Request, status, i int, gs []*gruppe, gjenopprettet bool) error {
	st := v.s.steg[i]
	n := 0 // of those in a group
	for _, g := range gs {
		if g.Tittel != "" {
			n++
		}
	}
	d := map[string]any{
		"Steg": v.t(st.tittel), "Om": v.t(st.om), "Grupper": gs, "Stegliste": v.stegliste(st.navn), "Forste": i == 0, "Gruppe": st.gruppe, "Antall": n,
		"Kan": st.gruppe != "" && n < st.maks, "Lagret": v.lagret(), "Gjenopprettet": gjenopprettet,
		"Person": v.person(), "Nokkel": v.utkast.Felt.Get(feltNokkel), "Navn": "", "Vold": st.navn == "om-foreldrene", "Hjelp": st.navn == "bekymringen", "Hvem": false,
	}
	if i == 0 {
		navn, kjent := v.b.Melding.Meldernavn(r.Context(), v.fnr)
		if d["Hvem"] = true; kjent {
			d["Navn"] = navn
		}
	}
	return v.b.vis(w, r, status, "beksteg", portal.Side{Tittel: v.t(st.tittel) + " – " + v.t(v.s.tittel), Feil: feilene(gs)}, d)
}

// lagreSteg keeps the answers of a step, also those that do not hold, and goes on; or
// sends the report. What comes after its draft was deleted begins a new one: nothing that
// is written is thrown away.
func (b *Bekymring) lagreSteg(w http.ResponseWriter, r *http.Request, s skjemaet) error {
	v, err := b.veiviser(r, s)
	if err != nil {
		return err
	}
	if r.PathValue("steg") == seOver {
		return v.fullfor(w, r)
	}
	i, err := v.steg(r.PathValue("steg"))
	if err != nil {
		return err
	}
	st, handling := s.steg[i], r.PostForm.Get("handling")
	lagrer := handling == "lagre" // a script, while one writes
	if hvem := r.PostForm.Get("hvem"); hvem != "" && hvem != v.person() || lagrer && (hvem == "" || !v.har || r.PostForm.Get(feltNokkel) != v.utkast.Felt.Get(feltNokkel)) {
		return feil.Ny(feil.Konflikt, "Siden ble åpnet av en annen, eller meldingen er sendt eller slettet. Ingenting ble lagret")
	}
	for navn := range v.utkast.Felt {
		if st.eier(v.t, navn) && !(navn == "synspunkter" && !r.PostForm.Has(navn)) {
			v.utkast.Felt.Del(navn)
		}
	}
	for navn, verdier := range st.les(v.t, v.felt(r.PostForm)) {
		v.utkast.Felt[navn] = verdier
	}
	gruppeendring := v.endreGruppe(st, handling)
	gs := v.sjekket(st, v.felt(v.utkast.Felt))
	v.utkast.Ferdig = slices.DeleteFunc(v.utkast.Ferdig, func(n string) bool { return n == st.navn })
	if len(feilene(gs)) == 0 && gruppeendring == "" {
		v.utkast.Ferdig = append(v.utkast.Ferdig, st.navn)
	}
	if lagrer {
		lagret, err := b.EndreUtkast(r.Context(), v.fnr, utkastMelding, s.sti, v.utkast)
		if err != nil {
			return err
		}
		if !lagret {
			return feil.Ny(feil.Konflikt, "Meldingen er lagret fra et annet sted, sendt eller slettet")
		}
		v.utkast.Endret = b.Klokke.Now()
		return httpx.JSON(w, http.StatusOK, map[string]any{"lagret": v.lagret(), "gjenstaar": b.Gjenstaar(r)})
	}
	if err := v.lagre(r.Context()); err != nil {
		return err
	}
	if err := b.GlemSkjema(r); err != nil {
		return err
	}
	switch {
	case gruppeendring != "":
		return portal.Videre(w, r, v.base+st.navn+"#"+gruppeendring)
	case handling == "senere":
		return portal.Videre(w, r, "/"+s.sti+"/senere")
	case handling == "slett":
		return portal.Videre(w, r, "/"+s.sti+"/slett")
	case handling == "forrige" && i > 0:
		return portal.Videre(w, r, v.forrige(i))
	case len(feilene(gs)) > 0:
		return v.vis(w, r, http.StatusUnprocessableEntity, i, gs, false)
	case !v.kjent:
		return portal.Videre(w, r, "/"+s.sti+"/kommune")
	}
	return portal.Videre(w, r, v.base+v.neste())
}

// endreGruppe adds one to a step's group or takes one away, and gives the field to go on
// from; "" when that is not what was asked for.
func (v *veiviser) endreGruppe(st steg, handling string) string {
	if st.gruppe == "" {
		return ""
	}
	n := st.antall(v.utkast.Felt)
	var vis int
	if nr, ja := strings.CutPrefix(handling, "fjern-"); ja {
		i, err := strconv.Atoi(nr)
		if err != nil {
			return ""
		}
		st.fjern(v.utkast.Felt, i)
		vis = max(1, min(i, st.antall(v.utkast.Felt)))
	} else if handling == "legg-til" && n < st.maks {
		vis = n + 1
		v.utkast.Felt.Set(st.gruppe+"-antall", strconv.Itoa(vis))
	} else {
		return ""
	}
	return st.per(v.t, v.utkast.Felt, st.prefiks(vis))[0].Navn
}

// senere says that what is written waits, and that nothing is sent.
func (b *Bekymring) senere(w http.ResponseWriter, r *http.Request, s skjemaet) error {
	v, err := b.veiviser(r, s)
	if err != nil {
		return err
	}
	if !v.har {
		return portal.Videre(w, r, "/"+s.sti)
	}
	return b.vis(w, r, http.StatusOK, "beksenere", portal.Side{Tittel: v.t("bek.senere.tittel"), Smuler: b.smuler(r)},
		map[string]any{"Slettes": v.utkast.Endret.Add(Levetid), "Fortsett": v.base + seOver, "Slett": "/" + s.sti + "/slett"})
}

func (b *Bekymring) visSlett(w http.ResponseWriter, r *http.Request, s skjemaet) error {
	t := b.Tolk(r)
	return b.vis(w, r, http.StatusOK, "bekslett", portal.Side{Tittel: t("bek.slett.tittel"), Smuler: b.smuler(r)},
		map[string]any{"Fortsett": "/" + s.sti + "/steg/" + seOver})
}

func (b *Bekymring) slett(w http.ResponseWriter, r *http.Request, s skjemaet) error {
	if err := b.GlemSkjema(r, "/"+s.sti+"/"); err != nil {
		return err
	}
	if err := b.SlettUtkast(r.Context(), auth.From(r.Context()).Fnr, utkastMelding, s.sti); err != nil {
		return err
	}
	return portal.Videre(w, r, "/"+s.sti+"/slettet")
}

func (b *Bekymring) slettet(w http.ResponseWriter, r *http.Request, s skjemaet) error {
	return b.vis(w, r, http.StatusOK, "bekslettet", portal.Side{Tittel: b.Tolk(r)("bek.slettet.tittel"), Smuler: b.smuler(r)}, map[string]any{"Sti": "/" + s.sti})
}
