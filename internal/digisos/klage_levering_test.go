package digisos

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"knutepunkt/internal/levering"
	"knutepunkt/internal/store"
)

// A klage and what belongs to it go by SvarUt alone, whatever the municipality
// uses else, each on its own: the later ones answer the klage, the klage the
// søknad when that went the same way.
func TestKlageGarMedSvarUt(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	h.settKonfig(t, func(k *KommuneKonfigurasjon) { k.BrukerFiksIO = false })
	id := h.nySoknad(t, kari, "110000001")
	h.lever(t)
	h.settKonfig(t, func(*KommuneKonfigurasjon) {})
	h.klag(t, id, "a.pdf")
	h.ettersendKlage(t, id, "klage.json", "b.pdf")
	h.trekk(t, id)
	h.lever(t)
	if len(h.fiksIO.sett) != 0 || len(h.svarUt.sett) != 4 {
		t.Fatalf("%d by Fiks IO, %d by SvarUt", len(h.fiksIO.sett), len(h.svarUt.sett))
	}
	soknad, klage := h.svarUt.sett[0].l.LeveranseID, h.svarUt.sett[1].l.LeveranseID
	for i, want := range []struct {
		kilde, tittel, svarPa, ref string
		navn, utskrift             []string
	}{
		1: {KildeKlage, "Klage til NAV", soknad, klageID, []string{"klage.json", "klage.pdf", "vedlegg.json", "a.pdf", "forsendelseMetadata.json"}, []string{"klage.pdf"}},
		2: {KildeKlageEttersendelse, "Ettersendelse til klage til NAV", klage, etterID, []string{"klage-2.json", "vedlegg.json", "b.pdf", "forsendelseMetadata.json"}, nil},
		3: {KildeKlageTrekk, "Trekk av klage til NAV", klage, trekkID, []string{"trekk.pdf", "vedlegg.json", "forsendelseMetadata.json"}, []string{"trekk.pdf"}},
	} {
		if want.kilde == "" {
			continue
		}
		s := h.svarUt.sett[i]
		if s.l.Kilde != want.kilde || s.f.EksternRef != id || s.f.Post.Tittel != want.tittel || s.f.Post.SvarPa != want.svarPa || s.f.Post.Mottaker.Orgnr != "974778866" {
			t.Errorf("%s %s %+v", s.l.Kilde, s.f.EksternRef, s.f.Post)
		}
		if d := cmp.Diff(want.navn, s.navn); d != "" {
			t.Error(d)
		}
		if d := cmp.Diff(want.utskrift, s.utskrift()); d != "" {
			t.Error(d)
		}
		metadata := fmt.Sprintf(`{"eksternRef":"%s","digisosId":"%s","soknadLeveranseId":{"sendtKanal":"SVARUT","id":"%s"},"klageId":"%s"}`, want.ref, id, soknad, klageID)
		if got := s.filer["forsendelseMetadata.json"]; got != metadata {
			t.Errorf("got %s\nwant %s", got, metadata)
		}
		wantPlan := []levering.Steg{{Kanal: levering.KanalSvarUt, Frist: 24 * time.Hour, Ubegrenset: true}}
		if d := cmp.Diff(wantPlan, s.l.Plan); d != "" {
			t.Error(d)
		}
	}
	if s := h.svarUt.sett[1]; s.filer["klage.json"] != klageJSON(kari, id) || s.filer["klage.pdf"] != "%PDF klage" || s.filer["a.pdf"] != "a.pdf" {
		t.Errorf("%v", s.filer)
	}
}

// utskrift are the files that are printed.
func (s sending) utskrift() (ut []string) {
	for _, f := range s.f.Filer {
		if !f.UtenUtskrift {
			ut = append(ut, f.Navn)
		}
	}
	return ut
}

// What belongs to a klage waits until the klage is on its way, and then goes at once.
func TestEttersendelseOgTrekkVenterPaaKlagen(t *testing.T) {
	t.Parallel()
	for navn, slipp := range map[string]func(t *testing.T, h *hus, klage string) (sendt int){
		"klagen blir sendt": func(t *testing.T, h *hus, _ string) int {
			h.Frem(t, 5*time.Second) // its retry; the others' own wait is an hour
			return 3
		},
		"en person stopper klagen": func(t *testing.T, h *hus, klage string) int {
			must(t, h.lev.Stopp(t.Context(), klage, "Kari Drift", "levert på papir"))
			h.lever(t)
			return 2
		},
		"klagen er levert utenom": func(t *testing.T, h *hus, klage string) int {
			h.write(t, func(tx *store.Tx) error {
				_, err := h.lev.BekreftUtenom(t.Context(), tx, klage, "levert for hånd")
				return err
			})
			h.lever(t)
			return 2
		},
	} {
		t.Run(navn, func(t *testing.T) {
			t.Parallel()
			h := nyttHus(t)
			id := h.nySoknad(t, kari, "110000001")
			h.svarUt.feil = fmt.Errorf("nede")
			h.klag(t, id)
			h.ettersendKlage(t, id, "b.pdf")
			h.trekk(t, id)
			h.lever(t)
			if len(h.svarUt.sett) != 0 {
				t.Fatal("sent while the channel was down")
			}
			var klage string
			must(t, h.DB.Read().QueryRowContext(t.Context(), `SELECT id FROM digisos_klage WHERE nr = 0`).Scan(&klage))
			l, _, err := h.lev.Hent(t.Context(), h.DB.Read(), klage)
			must(t, err)
			if l.Kilde != KildeKlage {
				t.Fatal(l.Kilde)
			}
			h.svarUt.mu.Lock()
			h.svarUt.feil = nil
			h.svarUt.mu.Unlock()
			want := slipp(t, h, klage)
			var kilder []string
			for _, s := range h.svarUt.sett {
				kilder = append(kilder, s.l.Kilde)
				if s.l.Kilde != KildeKlage && (s.f.Post.SvarPa == "") != (want == 2) {
					t.Errorf("%s answers %q", s.l.Kilde, s.f.Post.SvarPa)
				}
			}
			if d := cmp.Diff([]string{KildeKlage, KildeKlageEttersendelse, KildeKlageTrekk}[3-want:], kilder); d != "" {
				t.Error(d)
			}
		})
	}
}

// The kvittering has what INNSYN's class demands in every state: a channel, an
// id, a present status, and the list of all, the present one last.
func TestSendtKvitteringFolgerLeveringen(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	id := h.nySoknad(t, kari, "110000001")
	h.lever(t)
	h.bekreft(t, h.fiksIO)
	h.svarUt.feil = levering.ErrIkkeMulig
	h.klag(t, id)
	sjekk := func(want ...string) SendtKvittering {
		t.Helper()
		k := h.klager(t, id)[0].SendtKvittering
		var got []string
		for _, s := range k.StatusListe {
			got = append(got, s.Status)
		}
		if d := cmp.Diff(want, got); d != "" || k.SendtKanal != "SVARUT" || !uuidRe.MatchString(k.MeldingID) || k.SendtStatus != k.StatusListe[len(got)-1] {
			t.Errorf("%+v %s", k, d)
		}
		return k
	}
	forste := sjekk("IKKE_SENDT")
	if got := forste.SendtStatus.Timestamp; got != h.Klokke.Now().UnixMilli() {
		t.Error(got)
	}
	h.lever(t)
	sjekk("IKKE_SENDT") // refused by the channel is still not sent
	h.svarUt.mu.Lock()
	h.svarUt.feil = nil
	h.svarUt.mu.Unlock()
	h.Frem(t, time.Hour) // the next round
	sendt := sjekk("IKKE_SENDT", "SENDT")
	if s := h.svarUt.sett[0].l; sendt.MeldingID != s.LeveranseID {
		t.Errorf("%s, want %s", sendt.MeldingID, s.LeveranseID)
	}
	h.write(t, func(tx *store.Tx) error {
		_, err := h.lev.SlaaAlarm(t.Context(), tx, levering.KanalSvarUt, sendt.MeldingID, "ikke hentet")
		return err
	})
	h.Frem(t, 90*24*time.Hour) // SvarUt keeps it as long as it takes
	if etter := sjekk("IKKE_SENDT", "SENDT"); etter.SendtStatus != sendt.SendtStatus {
		t.Errorf("%+v", etter)
	}
	h.bekreft(t, h.svarUt)
	sjekk("IKKE_SENDT", "SENDT", "BEKREFTET")
}
