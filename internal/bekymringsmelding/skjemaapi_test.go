package bekymringsmelding

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"knutepunkt/asice"
	"knutepunkt/cms"
	"knutepunkt/internal/audit"
	"knutepunkt/internal/auth"
	"knutepunkt/internal/bekymringsmelding/skjema"
)

// Forms as the portal's backend sends them (§5).
const (
	adresse    = `{"adresselinje1":"Storgata 1","postnummer":"5014","poststed":"Bergen"}`
	privatForm = `{"kommunenummer":"4601","kommunenavn":"Bergen","bydelsnummer":"BB","bydelsnavn":"Bydel BB","melder":{"fnr":"04870422222","telefonnummer":"12345678","adresse":` + adresse + `},` +
		`"barn":[{"personnavn":"Barn Barnesen","antattAlder":"7","relasjon":"nabo","adresse":` + adresse + `}],"melding":"Kjenneord-som-aldri-skal-kunne-leses"}`
	offentligForm = `{"kommunenummer":"4601","kommunenavn":"Bergen","bydelsnummer":"BB","bydelsnavn":"Bydel BB","melder":{"rolle":"Lærer","telefonnummer":"12345678","epost":"laerer@skole.no",` +
		`"virksomhet":{"navn":"Skolen","orgnr":"974778866","adresse":` + adresse + `}},"barn":[{"fnr":"ukjent","ufoedt":false,"personnavn":"Barn Barnesen","adresse":` + adresse + `,"orientert":true}],` +
		`"foresatte":[{"personnavn":"Far Barnesen","orientert":false,"orientertGrunn":"fare"}],"melding":{"melding":"Kjenneord-som-aldri-skal-kunne-leses","historie":"Ingen"}}`
	skjemaRot = "/bekymringsmelding/api/"
)

func til(form, bydel string) string { return strings.ReplaceAll(form, "BB", bydel) }

// apnet is a container in clear.
func (h *hus) apnet(t testing.TB, n nokkel, r io.Reader) (map[string]string, asice.Report) {
	t.Helper()
	klar, err := cms.NewReader(r, cms.Key{Private: n.key, Certificate: n.cert})
	must(t, err)
	ut := map[string]string{}
	rapport, err := asice.Read(klar, asice.Options{Strict: true}, func(navn string, r io.Reader) error {
		b, err := io.ReadAll(r)
		ut[navn] = string(b)
		return err
	})
	must(t, err)
	return ut, rapport
}

// A form becomes a document and a PDF, signed by the platform and encrypted to the
// receiver; the letter and the receipt have the same PDF. The reporter's number is
// nowhere in it.
func TestSkjema(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		navn, sti, form, bydel string
		hvem                   auth.Caller
		slag                   string
	}{
		{"privat v1", "v1/mottak/skjema/privat", privatForm, bydelFiksIO, portal, "privat.v1"},
		{"offentlig v1", "v1/mottak/skjema/offentlig", offentligForm, bydelFiksIO, melder, "offentlig.v1"},
		{"privat v2", "v2/mottak/skjema/privat", privatForm, bydelFiksIO, melder, "privat.v2"},
		{"offentlig v2", "v2/mottak/skjema/offentlig", offentligForm, bydelFiksIO, portal, "offentlig.v2"},
	} {
		t.Run(c.navn, func(t *testing.T) {
			t.Parallel()
			h := nyttHus(t)
			h.endreBydel(t, bydelFiksIO, func(b *Bydel) { b.StottetVersjon = skjema.V2 })
			id := les[uuidSvar](t, h.post(t, c.hvem, skjemaRot+c.sti, til(c.form, c.bydel)), 201).UUID
			h.kjor(t)
			m := h.iKoen(t)[0]
			if hode(m, "type") != typePrefiks+c.slag || hode(m, headerMelding) != id {
				t.Errorf("headers %v", m.Headers)
			}
			filer, rapport := h.apnet(t, fagsystem(), bytes.NewReader(h.kropp(t, m)))
			if len(rapport.Files) != 2 || rapport.Files[0].Name != navnJSON || !rapport.Files[0].Rootfile || rapport.Files[1].Name != navnPDF {
				t.Errorf("files %+v", rapport.Files)
			}
			if s, ok := rapport.Signer(); !ok || !s.Certificate.Equal(plattform(t)) {
				t.Error("not signed by the platform")
			}
			var d struct {
				PrivatMelder, OffentligMelder     struct{ Personnavn string }
				Sendingstidspunkt, Leveringskanal string
			}
			must(t, json.Unmarshal([]byte(filer[navnJSON]), &d))
			if d.PrivatMelder.Personnavn+d.OffentligMelder.Personnavn != "Mona Melder" || d.Sendingstidspunkt != "2026-06-10T10:00:00" || d.Leveringskanal != portalkanal {
				t.Errorf("document %s", filer[navnJSON])
			}
			if strings.Contains(filer[navnJSON]+filer[navnPDF], fnrMelder) {
				t.Error("the reporter's number is in it")
			}
			r, err := h.Blobs.Open(t.Context(), h.melding(t, id).pdfBlob, 0)
			must(t, err)
			defer r.Close()
			if got := dekryptert(t, trykkeri(), r); string(got) != filer[navnPDF] {
				t.Error("the letter is another PDF")
			}
			h.svarFra(t, kontoBergen, typeMottatt, hode(m, "melding-id"), nil)
			if h.melding(t, id).Tilstand != Levert {
				t.Error("not delivered")
			}
			h.lekker(t, kjenneord, fnrMelder, "Mona Melder", "Barn Barnesen")
			revidert, err := h.revisjon.List(t.Context(), audit.Filter{FiksOrg: orgBergen})
			must(t, err)
			for _, e := range revidert {
				if e.Underressurs == id && (e.Principal.Fnr != "" || e.Gjelder != "") {
					t.Errorf("the audit log tells who reported: %+v", e)
				}
			}
		})
	}
}

func TestSkjemaAvvist(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	for _, c := range []struct {
		navn      string
		hvem      auth.Caller
		sti, form string
		status    int
		kode      string
	}{
		{"uten melding", portal, "v1/mottak/skjema/privat", `{"kommunenummer":"4601","bydelsnummer":"01"}`, 400, KodeUgyldigSkjema},
		{"ikke JSON", portal, "v1/mottak/skjema/privat", `{`, 400, KodeUgyldigSkjema},
		{"ukjent bydel", portal, "v1/mottak/skjema/privat", til(privatForm, "77"), 404, KodeBydelIkkeAktiv},
		{"v2 til V1", portal, "v2/mottak/skjema/offentlig", til(offentligForm, bydelFiksIO), 400, KodeVersjonIkkeStottet},
		{"maskin", skole, "v1/mottak/skjema/privat", til(privatForm, bydelFiksIO), 403, ""},
		{"anonym", anonym, "v1/mottak/skjema/privat", til(privatForm, bydelFiksIO), 401, ""},
		{"lavt nivå", auth.Caller{Slag: auth.Person, Fnr: fnrMelder, Niva: 3}, "v1/mottak/skjema/privat", til(privatForm, bydelFiksIO), 403, ""},
		{"portal uten rett", auth.Caller{Slag: auth.IntegrasjonPerson, IntegrasjonID: integrasjonFag, Fnr: fnrMelder, Niva: 4}, "v1/mottak/skjema/privat", til(privatForm, bydelFiksIO), 403, ""},
		{"for stor", portal, "v1/mottak/skjema/privat", strings.Replace(til(privatForm, bydelFiksIO), "nabo", strings.Repeat("x", maksSkjema), 1), 413, ""},
	} {
		t.Run(c.navn, func(t *testing.T) {
			s := h.post(t, c.hvem, skjemaRot+c.sti, c.form)
			if kode := s.kode(t, c.status); kode != c.kode {
				t.Errorf("code %q, want %q: %s", kode, c.kode, s.Body)
			}
			if strings.Contains(s.Body.String(), kjenneord) || strings.Contains(s.Body.String(), fnrMelder) {
				t.Errorf("the error tells: %s", s.Body)
			}
		})
	}
	if n := h.antall(t, "bekymring_melding"); n != 0 {
		t.Errorf("%d stored", n)
	}
}

func (h *hus) innsending(t testing.TB, bydel string) Innsending {
	t.Helper()
	inn, err := lesSkjema(skjema.V1, skjema.TypePrivat, strings.NewReader(til(privatForm, bydel)))
	must(t, err)
	inn.Bydel, err = h.s.aktivBydel(t.Context(), "4601", bydel)
	must(t, err)
	return inn
}

// The portal gets the PDF for the receipt, and the same form sent twice is one report.
func TestSend(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	inn := h.innsending(t, bydelManuell)
	inn.Nokkel = "skjema-1"
	en, err := h.s.Send(t.Context(), melder, inn)
	must(t, err)
	to, err := h.s.Send(t.Context(), melder, inn)
	must(t, err)
	andre := melder
	andre.Fnr = fnrBruker
	tre, err := h.s.Send(t.Context(), andre, inn)
	must(t, err)
	if en.ID != to.ID || en.ID == tre.ID || !bytes.Equal(en.PDF, to.PDF) || !bytes.HasPrefix(en.PDF, []byte("%PDF-1.7")) {
		t.Errorf("%s, %s and %s", en.ID, to.ID, tre.ID)
	}
	if bytes.Equal(tre.PDF, en.PDF) {
		t.Error("another person's report has the same PDF")
	}
	h.kjor(t)
	n, err := h.s.LastNed(t.Context(), bruker, en.ID)
	must(t, err)
	var b bytes.Buffer
	must(t, n.Skriv(t.Context(), &b))
	if !bytes.Equal(b.Bytes(), en.PDF) {
		t.Error("the receipt is another PDF than the receiver's")
	}
	k, err := h.s.Kvittering(t.Context(), en.ID)
	must(t, err)
	if k.Tilstand != SendtFagsystem || len(k.Hendelser) != 2 || k.Levering.Frist.IsZero() {
		t.Errorf("receipt %+v", k)
	}
}

// A form that comes when the receiving konto has no key is taken, and goes as a letter.
func TestSkjemaUtenNokkel(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	must(t, h.fio.FjernSertifikat(t.Context(), kontoBergen, ""))
	ut, err := h.s.Send(t.Context(), melder, h.innsending(t, bydelFiksIO))
	must(t, err)
	h.kjor(t)
	h.Frem(t, time.Minute)
	if m := h.melding(t, ut.ID); m.Tilstand != SendtPrint {
		t.Errorf("state %s", m.Tilstand)
	}
}

// A form that becomes too large is refused, and nothing of it is kept.
func TestSkjemaForStort(t *testing.T) {
	t.Parallel()
	h := nyttHus(t, func(c *Config) { c.MaksBytes = 1000 })
	_, err := h.s.Send(t.Context(), melder, h.innsending(t, bydelFiksIO))
	if err == nil || !strings.Contains(err.Error(), "for lang") {
		t.Errorf("taken: %v", err)
	}
	if n := h.antall(t, "blobs"); n != 0 {
		t.Errorf("%d blobs", n)
	}
}

// A register that is down holds up no concern.
func TestNavnet(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	if got := h.s.navnet(t.Context(), fnrMelder); got != "Mona Melder" {
		t.Errorf("name %q", got)
	}
	for _, f := range []func(){
		func() { h.s.Navn = nil },
		func() { h.s.Navn = func(context.Context, string) (string, error) { return "", errors.New("nede") } },
		func() { h.s.Navn = func(context.Context, string) (string, error) { return " ", nil } },
	} {
		f()
		if got := h.s.navnet(t.Context(), fnrMelder); got != ukjentNavn {
			t.Errorf("name %q", got)
		}
	}
}
