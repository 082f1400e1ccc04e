package digisos

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// Whatever order things come in, a søknad is taken once: the first sending of a
// reference gives an id, every later one that same id; what was laid down under
// the reference before is part of it, what comes after is not; and each accepted
// forsendelse has exactly one delivery. A model of a few maps is the judge.
func TestMottakErIdempotent(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	runde := 0
	rapid.Check(t, func(rt *rapid.T) {
		runde++
		refs := []string{fmt.Sprintf("r%da", runde), fmt.Sprintf("r%db", runde)}
		saker, mellom, ventet := map[string]string{}, map[string][]string{}, map[string][]string{}
		etter := map[string]bool{}
		for i := range rapid.IntRange(1, 8).Draw(rt, "antall") {
			ref := rapid.SampledFrom(refs).Draw(rt, "ref")
			switch rapid.SampledFrom([]string{"mellomlagre", "soknad", "ettersendelse"}).Draw(rt, "hva") {
			case "mellomlagre":
				navn := fmt.Sprintf("fil%d.pdf", i)
				h.mellomlagre(t, ref, navn)
				mellom[ref] = append(mellom[ref], navn)
			case "soknad":
				s := h.send(t, innbygger(kari), "/digisos/api/v2/soknader/0301/"+ref,
					append([]del{jsonDel("soknadJson", soknadJSON(kari)), jsonDel("vedleggJson", "{}")}, par(t, 0, "Soknad.pdf", "x")...)...)
				if id := saker[ref]; id != "" {
					if m := s.melding(t, 400); m != fmt.Sprintf(duplikatSoknad, ref, id) {
						rt.Fatal(m)
					}
					continue
				}
				saker[ref] = les[string](t, s, 202)
				ventet[ref], mellom[ref] = mellom[ref], nil
			case "ettersendelse":
				id := saker[ref]
				if id == "" {
					continue
				}
				s := h.ettersend(t, kari, id, ref+"0001", "a.pdf")
				if etter[ref] {
					s.er(t, 400)
					continue
				}
				s.er(t, 202)
				etter[ref] = true
			}
		}
		for ref, id := range saker {
			sak := h.sak(t, kari, id)
			var navn []string
			for _, v := range sak.OriginalSoknadNAV.Vedlegg {
				navn = append(navn, v.Filnavn)
			}
			if !slices.Equal(navn, ventet[ref]) {
				rt.Fatalf("%s has %v, want %v", ref, navn, ventet[ref])
			}
			want := 1
			if etter[ref] {
				want = 2
			}
			if n := h.antall(t, "leveringer WHERE kilde_id IN (SELECT id FROM digisos_forsendelse WHERE sak_id = $1)", id); n != want {
				rt.Fatalf("%d deliveries, want %d", n, want)
			}
		}
	})
}
