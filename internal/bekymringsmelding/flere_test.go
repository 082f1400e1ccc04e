package bekymringsmelding

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"knutepunkt/internal/auth"
	"knutepunkt/internal/organisasjon"
	"knutepunkt/internal/store"
	"knutepunkt/internal/svarut/print"
)

// skoleForOslo lets the school's integrasjon send for Oslo too.
func (h *hus) skoleForOslo(t testing.TB) {
	t.Helper()
	h.write(t, func(tx *store.Tx) error {
		tjeneste, err := h.org.TaIBruk(t.Context(), tx, orgOslo, organisasjon.TypeBekymringsmelding)
		if err != nil {
			return err
		}
		return h.org.GiTilgang(t.Context(), tx, operator, integrasjonSkole, auth.BekymringSend, tjeneste)
	})
}

// Who sends for two organisations sees of each what was sent for it (§4.3).
func TestStatusBareForSammeOrganisasjon(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	h.skoleForOslo(t)
	id := h.send(t, bydelFiksIO)
	sti := "/bekymringsmelding/api/v1/mottak/fagsystem/" + orgSkole + "/bekymringsmelding/" + id + "/status"
	h.get(t, skole, sti).er(t, 200)
	h.get(t, skole, strings.Replace(sti, orgSkole, orgOslo, 1)).er(t, 404)
}

// Two processes that come to the same hour remind once.
func TestPaaminnelseEnGang(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	h.send(t, bydelManuell)
	h.Klokke.Sett(oslotid(t, "2026-06-10T12:00"))
	feil := make(chan error)
	for range 4 {
		go func() { feil <- h.s.paaminn(t.Context(), h.Klokke.Now()) }()
	}
	for range 4 {
		must(t, <-feil)
	}
	h.kjor(t)
	if got := h.epost(t, "varsel@bergen.test"); len(got) != 1 {
		t.Errorf("reminded %v", got)
	}
}

// What the receiver wrote goes with the content.
func TestFritekstSlettes(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	id := h.send(t, bydelFiksIO)
	h.svarFra(t, kontoBergen, typeFeilet, h.fiksioID(t, id), h.feilmelding(t, `{"melding":"Barnet er ukjent"}`))
	h.kvitterPrint(t, h.sisteJobb(t, id).ID, print.Levert)
	if n := h.antall(t, "bekymring_hendelse WHERE fritekst IS NOT NULL"); n != 1 {
		t.Fatalf("%d texts", n)
	}
	h.post(t, fag, avstemSti(bydelFiksIO), `["`+id+`"]`).er(t, 200)
	h.Frem(t, 31*24*time.Hour)
	if m := h.melding(t, id); m.Slettet.IsZero() {
		t.Fatal("not deleted")
	}
	for _, hva := range []string{"bekymring_hendelse WHERE fritekst IS NOT NULL OR fiksio_id <> '' OR konto_id <> ''", "bekymring_ko", "print_jobber", "blobs"} {
		if n := h.antall(t, hva); n != 0 {
			t.Errorf("%d left of %s", n, hva)
		}
	}
	h.get(t, skole, "/bekymringsmelding/api/v1/mottak/fagsystem/"+orgSkole+"/bekymringsmelding/"+id+"/status").er(t, 404)
}

// A fault of our own is tried for two days, with people told, and then the letter goes,
// which may be whole.
func TestVedvarendeFeil(t *testing.T) {
	t.Parallel()
	for _, bydel := range []string{bydelFiksIO, bydelManuell} {
		t.Run(bydel, func(t *testing.T) {
			t.Parallel()
			h := nyttHus(t)
			ct, body := skjemaKropp(h.deler(t, bydel)...)
			id := les[uuidSvar](t, h.gjor(t, skole, "POST", mottakSti(bydel), ct, body), 201).UUID
			h.write(t, func(tx *store.Tx) error { return h.Blobs.Delete(t.Context(), tx, h.melding(t, id).asiceBlob) })
			h.Frem(t, 47*time.Hour)
			h.vil(t, id, "AKSEPTERT")
			if got := strings.Join(h.epost(t, "kontakt@bergen.test"), "\n"); !strings.Contains(got, "ikke sendt") || !strings.Contains(got, "venter på tilsyn") {
				t.Errorf("told %s", got)
			}
			h = h.omstart(t)
			h.Frem(t, 3*time.Hour)
			h.vil(t, id, "AKSEPTERT SENDT_PRINT")
		})
	}
}

// AuthEnvelopedData is CMS as well, but receivers cannot read it.
func TestAuthEnvelopedData(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	deler := h.deler(t, bydelFiksIO)
	deler[1].innhold = bytes.Replace(deler[1].innhold, []byte{0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x03},
		[]byte{0x06, 0x0b, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x10, 0x01, 0x17}, 1)
	ct, body := skjemaKropp(deler...)
	if got := h.gjor(t, skole, "POST", mottakSti(bydelFiksIO), ct, body).er(t, 400); !strings.Contains(got, "EnvelopedData") {
		t.Error(got)
	}
}

// Another integrasjon of the same organisation fetches nothing of the bydel's.
func TestSvarInnAnnenIntegrasjon(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	id := h.send(t, bydelSvarInn)
	h.write(t, func(tx *store.Tx) error { return h.org.SettPassord(t.Context(), tx, integrasjonFag, passordSvarInn) })
	if got := h.basic(t, integrasjonFag, passordSvarInn, "GET", svarinnRot+liste, "").er(t, 200); got != "[]" {
		t.Error(got)
	}
	h.basic(t, integrasjonFag, passordSvarInn, "GET", svarinnRot+"/forsendelse/"+id, "").er(t, 404)
	h.basic(t, integrasjonFag, passordSvarInn, "POST", svarinnRot+"/kvitterMottak/forsendelse/"+id, "").er(t, 404)
	h.vil(t, id, "AKSEPTERT SENDT_FAGSYSTEM")
}

// What an operator has closed is kept and is no gap; registered after all, it is
// delivered and has its end.
func TestStoppetOgRegistrert(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	id := h.send(t, bydelFiksIO)
	must(t, h.lev.Stopp(t.Context(), id, "operator", "ved en feil"))
	h.Frem(t, 60*24*time.Hour)
	h.vil(t, id, "AKSEPTERT SENDT_FAGSYSTEM")
	if m := h.melding(t, id); !m.Slettet.IsZero() || len(h.avvikI(t, bydelFiksIO)) != 0 {
		t.Errorf("%+v", m)
	}
	if ut := les[Avstemt](t, h.post(t, fag, avstemSti(bydelFiksIO), `["`+id+`"]`), 200); len(ut.Registrert) != 1 {
		t.Errorf("%+v", ut)
	}
	h.vil(t, id, "AKSEPTERT SENDT_FAGSYSTEM LEVERT")
	h.Frem(t, 31*24*time.Hour)
	if m := h.melding(t, id); m.Slettet.IsZero() {
		t.Error("kept for ever")
	}
}
