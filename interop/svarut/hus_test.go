package svarut_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"knutepunkt/internal/sandbox"
)

// hus is a running sandbox, with who sends and who receives in it.
type hus struct {
	*sandbox.Sandbox
	dir      string
	b        sandbox.Beskrivelse
	java     *java
	fra, til sandbox.Kommune
	fnr      string // of a citizen
	cert     string // file: what senders encrypt to
}

func start(t *testing.T) *hus {
	t.Helper()
	krev(t, "java", "mvn", "curl", "openssl", "unzip", "qpdf", "pdfinfo", "pdftotext", "pdftoppm")
	h := &hus{dir: t.TempDir(), java: startJava(t)}
	var err error
	h.Sandbox, err = sandbox.New(t.Context(), sandbox.Config{Dir: h.dir, HTTP: "127.0.0.1:0", AMQP: "127.0.0.1:0", AMQPS: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, avbryt := context.WithTimeout(context.Background(), 20*time.Second)
		defer avbryt()
		if err := h.Stop(ctx); err != nil {
			t.Error(err)
		}
	})
	if err := h.Start(context.WithoutCancel(t.Context())); err != nil {
		t.Fatal(err)
	}
	h.b = h.Beskrivelse()
	h.fra, h.til, h.fnr = h.kommune(t, "9901"), h.kommune(t, "9902"), h.b.Personer[0].Fnr
	svar := curl(t, h.b.BaseURL+"/forsendelse/publickey/hent")
	svar.les(t, 200, nil)
	h.cert = skriv(t, "cert.pem", svar.kropp)
	return h
}

func (h *hus) kommune(t *testing.T, nr string) sandbox.Kommune {
	t.Helper()
	i := slices.IndexFunc(h.b.Kommuner, func(k sandbox.Kommune) bool { return k.Kommunenummer == nr })
	if i < 0 || h.b.Kommuner[i].Fagsystem.SvarInn == nil || h.b.Kommuner[i].Fagsystem.SvarUt == nil {
		t.Fatalf("sandbox.json has no kommune %s with SvarInn and SvarUt", nr)
	}
	return h.b.Kommuner[i]
}

func (h *hus) sti(navn string) string { return filepath.Join(h.dir, filepath.FromSlash(navn)) }

// fram moves the clock; what is due is done when it returns.
func (h *hus) fram(t *testing.T, d string) {
	t.Helper()
	curl(t, "--json", `{"advance": "`+d+`"}`, h.b.BaseURL+"/sandbox/clock").les(t, 200, nil)
}

// token fetches one; they are void once the clock was moved.
func token(t *testing.T, mal string, par ...string) string {
	t.Helper()
	for i := 1; i < len(par); i += 2 {
		par[i] = url.QueryEscape(par[i])
	}
	svar := curl(t, strings.NewReplacer(par...).Replace(mal))
	svar.les(t, 200, nil)
	return string(svar.kropp)
}

// integrasjon are the headers of an integrasjon (REST v2 and v3).
func (h *hus) integrasjon(t *testing.T) map[string]string {
	t.Helper()
	f := h.fra.Fagsystem
	return map[string]string{"IntegrasjonId": f.IntegrasjonID, "IntegrasjonPassord": f.IntegrasjonPassord,
		"Authorization": "Bearer " + token(t, h.b.Tokens.Maskinporten, "{orgno}", f.Organisasjonsnummer, "{scope}", "ks:fiks")}
}

func (h *hus) v1(t *testing.T, sti string, arg ...string) curlsvar {
	t.Helper()
	k := h.fra.Fagsystem.SvarUt
	return curl(t, append([]string{"-u", k.Brukernavn + ":" + k.Passord, h.b.BaseURL + "/tjenester/api/forsendelse/v1" + sti}, arg...)...)
}

// v2 calls REST v2 and v3.
func (h *hus) v2(t *testing.T, sti string, arg ...string) curlsvar {
	t.Helper()
	for navn, verdi := range h.integrasjon(t) {
		arg = append(arg, "-H", navn+": "+verdi)
	}
	return curl(t, append(arg, h.b.BaseURL+sti)...)
}

func (h *hus) konto(versjon string) string {
	return "/api/" + versjon + "/kontoer/" + h.fra.Fagsystem.SvarUt.KontoID + "/forsendelser"
}

// fil is a document to send.
type fil struct {
	navn, mime string
	sti        string // of the file in clear
	utenPrint  bool
	giroark    []int
}

func (f fil) sha256(t *testing.T) string {
	sum := sha256.Sum256(lesFil(t, f.sti))
	return hex.EncodeToString(sum[:])
}

// filene are what every forsendelse here has: names and sizes of many kinds.
func filene(t *testing.T) []fil {
	t.Helper()
	stor := make([]byte, 3<<20)
	_, _ = rand.Read(stor)
	return []fil{
		{navn: "Søknad å – 1.pdf", mime: "application/pdf", sti: lagPDF(t, "Soknad", 3, "--object-streams=generate"), giroark: []int{3}},
		{navn: "vedlegg.pdf", mime: "application/pdf", sti: lagPDF(t, "Vedlegg", 2, "--linearize")},
		{navn: "soknad.json", mime: "application/json", sti: skriv(t, "1", []byte(`{"ø": "å"}`)), utenPrint: true},
		{navn: "100% & co's; (kopi), #1+2=3.bin", mime: "application/octet-stream", sti: skriv(t, "2", stor), utenPrint: true},
		{navn: "tom.txt", mime: "text/plain", sti: skriv(t, "3", nil), utenPrint: true},
	}
}

func bareUtskrift(filer []fil) []fil {
	return slices.DeleteFunc(slices.Clone(filer), func(f fil) bool { return f.utenPrint })
}

// brev is a forsendelse to send.
type brev struct {
	klient   string // K1, K2, K3: KS's clients for REST v1, v2, v3; NAV: how it sent by v1
	til      string // organisasjon, person or print
	kryptert string // "", or with which key transport
	niva4    bool
}

func (b brev) String() string {
	niva := "nivå 3"
	if b.niva4 {
		niva = "nivå 4"
	}
	return strings.TrimSpace(strings.Join([]string{b.klient, b.til, niva, b.kryptert}, " "))
}

type obj = map[string]any

// forsendelse is the JSON as the client writes it: what is not set is null.
func (h *hus) forsendelse(b brev, ref string, filer []fil) obj {
	orgnr, fnr, navn := any(nil), any(nil), "Mottakeren Æ Ø"
	var digitalID any
	switch b.til {
	case "organisasjon":
		orgnr, digitalID = h.til.Organisasjonsnummer, h.til.Organisasjonsnummer
	case "person":
		fnr, digitalID = h.fnr, h.fnr
	}
	noark := obj{"saksaar": 2026, "sakssekvensnummer": 17, "journalaar": nil, "journalposttype": "I", "journaldato": "2026-01-05T10:00:00+01:00",
		"dokumentetsDato": nil, "saksbehandler": "Ola Å", "mappeId": nil, "ekstraMetadata": []obj{{"key": "nøkkel", "value": "verdi"}}}
	var dokumenter []obj
	for _, f := range filer {
		d := obj{"filnavn": f.navn, "mimeType": f.mime, "dokumentType": nil}
		switch b.klient {
		case "K1", "NAV":
			d["skalSigneres"], d["giroarkSider"], d["ekskluderesFraUtskrift"] = false, f.giroark, f.utenPrint
		case "K2":
			d["skalSigneres"], d["giroarkSider"], d["skalEkskluderesFraUtskrift"] = nil, f.giroark, f.utenPrint
		case "K3":
			d["giroarkSide"], d["skalEkskluderesFraUtskrift"] = nil, f.utenPrint
			if len(f.giroark) > 0 {
				d["giroarkSide"] = f.giroark[0]
			}
		}
		if b.klient == "K2" || b.klient == "K3" && b.til == "organisasjon" {
			d["ekstraMetadata"], d["inneholderPersonsensitivInformasjon"] = []obj{{"key": "a", "value": "b"}}, true
		}
		dokumenter = append(dokumenter, d)
	}
	ut := obj{"tittel": "Tittel " + ref, "avgivendeSystem": "prøve 1.0", "eksternReferanse": ref, "kryptert": b.kryptert != "",
		"kunDigitalLevering": false, "svarSendesTil": nil, "svarPaForsendelse": nil, "dokumenter": dokumenter}
	switch b.klient {
	case "K1", "NAV":
		mottaker := obj{"postAdresse": obj{"navn": navn, "adresse1": "Storgata 1", "adresse2": nil, "adresse3": nil, "postNummer": "0151", "postSted": "OSLO", "land": nil}}
		if digitalID != nil {
			mottaker["digitalAdresse"] = obj{"fodselsNummer": fnr, "organisasjonsNummer": orgnr}
		}
		ut["mottaker"], ut["eksponertFor"] = mottaker, []obj{{"fodselsNummer": h.fnr, "organisasjonsNummer": nil}}
		ut["utskriftsKonfigurasjon"], ut["konteringsKode"] = obj{"utskriftMedFarger": true, "tosidig": true}, "k-1"
		ut["krevNiva4Innlogging"], ut["forsendelsesType"], ut["svarPaForsendelseLink"], ut["lenker"] = b.niva4, "nav.digisos", false, nil
		ut["metadataForImport"], ut["signeringUtloper"], ut["signaturType"] = nil, nil, nil
		ut["metadataFraAvleverendeSystem"] = obj{"saksAar": 2026, "saksSekvensNummer": 17, "journalAar": 0, "journalSekvensNummer": 0, "journalPostNummer": 0,
			"journalPostType": "I", "journalStatus": nil, "journalDato": 1767603600000, "dokumentetsDato": nil, "tittel": nil, "saksBehandler": "Ola Å",
			"ekstraMetadata": []obj{{"key": "nøkkel", "value": "verdi"}}}
	case "K2":
		ut["mottaker"] = obj{"navn": navn, "digitalId": digitalID, "adresselinje1": "Storgata 1", "adresselinje2": nil, "adresselinje3": nil,
			"postnummer": "0151", "poststed": "OSLO", "land": nil}
		ut["utskriftskonfigurasjon"], ut["konteringskode"], ut["eksponertFor"] = obj{"utskriftMedFarger": true, "tosidig": true}, "k-1", []string{h.fnr}
		ut["krevNiva4Innlogging"], ut["forsendelsestype"], ut["metadataFraAvleverendeSystem"] = b.niva4, "nav.digisos", noark
		ut["avgivendeSystemAktor"], ut["korrelasjonsid"], ut["lenker"], ut["signeringUtloper"], ut["taushetsbelagtPost"] = nil, nil, nil, nil, nil
	case "K3":
		mottaker := obj{"navn": navn, "adresse": obj{"adresselinje1": "Storgata 1", "adresselinje2": nil, "adresselinje3": nil, "postnummer": "0151", "poststed": "OSLO", "landkode": nil}}
		ut["mottaker"], ut["utskriftskonfigurasjon"], ut["konteringskode"] = mottaker, obj{"tosidig": true}, "k-1"
		delete(ut, "svarPaForsendelse")
		if b.til == "print" {
			delete(ut, "kunDigitalLevering")
			for _, d := range dokumenter {
				delete(d, "skalEkskluderesFraUtskrift")
			}
			break
		}
		mottaker["digitalId"], ut["eksponertFor"], ut["svarPaForsendelseId"], ut["lenker"], ut["kanSvareViaEdialog"] = digitalID, []string{h.fnr}, nil, nil, false
		ut["sikkerhetsniva"] = map[bool]string{false: "BETYDELIG", true: "HOYESTE"}[b.niva4]
		if b.til == "organisasjon" {
			ut["forsendelsestype"], ut["metadataFraAvleverendeSystem"], ut["metadataForImport"], ut["taushetsbelagtPost"] = "nav.digisos", noark, nil, nil
		} else {
			ut["signering"] = nil
		}
	}
	return ut
}

// send sends as the client does, and gives the id with the reference.
func (h *hus) send(t *testing.T, b brev, filer []fil) (id, ref string) {
	t.Helper()
	ref = "ref/" + uuid.NewString()[:8] + " æ"
	status, kropp := h.prov(t, b, ref, filer, nil)
	var svar struct{ ID string }
	if err := json.Unmarshal([]byte(kropp), &svar); err != nil || status != 200 || uuid.Validate(svar.ID) != nil {
		t.Fatalf("%s: %d %s %v", b, status, kropp, err)
	}
	return svar.ID, ref
}

// prov sends; endre may change the order of the parts.
func (h *hus) prov(t *testing.T, b brev, ref string, filer []fil, endre func([]obj)) (status int, kropp string) {
	t.Helper()
	data, err := json.Marshal(h.forsendelse(b, ref, filer))
	if err != nil {
		t.Fatal(err)
	}
	sti := map[string]string{"K1": "/tjenester/api/forsendelse/v1/sendForsendelse", "NAV": "/tjenester/api/forsendelse/v1/sendForsendelse",
		"K2": h.konto("v2") + "/", "K3": h.konto("v3") + "/" + b.til}[b.klient]
	var deler []obj
	for i, f := range filer {
		innhold := f.sti
		if b.kryptert != "" {
			innhold = krypter(t, b.kryptert, h.cert, f.sti)
		}
		del := obj{"navn": "filer", "filnavn": f.navn, "type": "", "fil": innhold}
		if b.klient == "K3" {
			del["type"] = f.mime
		}
		if b.klient != "K1" {
			del["navn"] = "filer_" + string(rune('0'+i))
		}
		deler = append(deler, del)
	}
	if endre != nil {
		endre(deler)
	}
	konto := h.fra.Fagsystem.SvarUt
	if b.klient == "NAV" {
		arg := []string{"-u", konto.Brukernavn + ":" + konto.Passord, "-F", "forsendelse=<" + skriv(t, "forsendelse", data) + ";type=application/json"}
		for _, d := range deler {
			arg = append(arg, "-F", `filer=@"`+d["fil"].(string)+`";filename="`+d["filnavn"].(string)+`"`)
		}
		svar := curl(t, append(arg, h.b.BaseURL+sti)...)
		return svar.status, string(svar.kropp)
	}
	c := obj{"url": h.b.BaseURL + sti, "forsendelse": string(data), "filer": deler}
	switch b.klient {
	case "K1":
		c["type"], c["bruker"], c["passord"] = "application/json", konto.Brukernavn, konto.Passord
	default:
		c["hoder"] = h.integrasjon(t)
	}
	svar := h.java.gjor(t, "send", c)
	if !strings.HasPrefix(svar.Type, `multipart/form-data; boundary="`) {
		t.Errorf("the client's boundary is not quoted: %s", svar.Type) // then this proves less than it should
	}
	return svar.Status, svar.Kropp
}

// statuser are what REST v1 (both calls), v2 and v3 tell of a forsendelse.
func (h *hus) statuser(t *testing.T, id string) []string {
	t.Helper()
	type status struct {
		ID, Status         string
		ForsendelsesID     struct{ ID string }
		SisteStatusEndring json.RawMessage
	}
	var en status
	var fra1, fra2, fra3 struct{ Statuser []status }
	h.v1(t, "/"+id+"/status").les(t, 200, &en)
	h.v1(t, "/statuser", "--json", `["`+id+`"]`).les(t, 200, &fra1)
	h.v2(t, h.konto("v2")+"/status-sok", "--json", `{"forsendelseIds":["`+id+`"]}`).les(t, 200, &fra2)
	h.v2(t, h.konto("v3")+"/status/sok", "--json", `{"id":["`+id+`"]}`).les(t, 200, &fra3)
	ut := []string{en.Status}
	for _, s := range slices.Concat([]status{en}, fra1.Statuser, fra2.Statuser, fra3.Statuser) {
		if s.ID+s.ForsendelsesID.ID != id {
			t.Errorf("a status of %q, want %q", s.ID+s.ForsendelsesID.ID, id)
		}
		var millis int64
		var iso time.Time
		if s.ID != "" {
			if err := json.Unmarshal(s.SisteStatusEndring, &iso); err != nil || iso.IsZero() {
				t.Errorf("sisteStatusEndring %s: %v", s.SisteStatusEndring, err)
			}
		} else if err := json.Unmarshal(s.SisteStatusEndring, &millis); err != nil || millis == 0 {
			t.Errorf("sisteStatusEndring %s: %v", s.SisteStatusEndring, err)
		}
	}
	for _, l := range [][]status{fra1.Statuser, fra2.Statuser, fra3.Statuser} {
		for _, s := range l {
			ut = append(ut, s.Status)
		}
	}
	return ut
}

// venterStatus holds that all APIs tell of one status.
func (h *hus) venterStatus(t *testing.T, id, status string) {
	t.Helper()
	if got := h.statuser(t, id); !slices.Equal(got, []string{status, status, status, status}) {
		t.Errorf("v1, v1, v2, v3 have %q, want %s", got, status)
	}
}

// likt holds that a file has the content of another.
func likt(t *testing.T, hva, fikk, vil string) {
	t.Helper()
	if !bytes.Equal(lesFil(t, fikk), lesFil(t, vil)) {
		t.Errorf("%s came out otherwise than it went in", hva)
	}
}
