package forvaltning_test

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"maps"
	"math/big"
	"mime/multipart"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"knutepunkt/internal/auth"
	"knutepunkt/internal/digisos"
	"knutepunkt/internal/feil"
	"knutepunkt/internal/fiksio"
	"knutepunkt/internal/grunntest"
	"knutepunkt/internal/organisasjon"
	"knutepunkt/internal/portal"
	"knutepunkt/internal/portal/portaltest"
	"knutepunkt/internal/store"
)

const (
	kontoBase = "/forvaltning/" + portaltest.OrgTest + "/kontoer"
	kontoHer  = kontoBase + "/" + portaltest.Konto
)

// kontosider are the pages of the kontoer of Testby, with the login level that
// they want.
func kontosider(t *testing.T, h *portaltest.Hus) map[string]int {
	t.Helper()
	a := kontoadresse(t, h).ID
	return map[string]int{kontoBase: 3, kontoBase + "/ny": 4, kontoHer: 4, kontoHer + "/navn": 4, kontoHer + "/slett": 4, kontoHer + "/nokkel": 4,
		kontoHer + "/adresser": 4, kontoHer + "/adresser/ny": 4, kontoHer + "/adresser/" + a: 4, kontoHer + "/adresser/" + a + "/slett": 4,
		kontoHer + "/protokoller": 4, kontoHer + "/tilganger": 4, kontoHer + "/avsendere": 4}
}

// kontoadresse is the first address of Testby's konto.
func kontoadresse(t *testing.T, h *portaltest.Hus) fiksio.Adresse {
	t.Helper()
	as, err := h.Fio.Adresser(t.Context(), portaltest.Konto)
	portaltest.Must(t, err)
	return as[0]
}

func enKonto(t *testing.T, h *portaltest.Hus, id string) fiksio.Konto {
	t.Helper()
	k, err := h.Fio.Konto(t.Context(), id)
	portaltest.Must(t, err)
	return k
}

// annenKonto makes a konto with an address.
func annenKonto(t *testing.T, h *portaltest.Hus, orgID, navn string, endre func(*fiksio.Adresse)) (k fiksio.Konto) {
	t.Helper()
	h.Skriv(t, func(tx *store.Tx) (err error) {
		if k, err = h.Fio.OpprettKonto(t.Context(), tx, fiksio.Konto{FiksOrgID: orgID, Navn: navn, Aktiv: true}); err != nil {
			return err
		}
		a := fiksio.Adresse{KontoID: k.ID, Beskrivelse: "Digisos", Aktiv: true, Nivaer: []int{4},
			Identifikatorer: []fiksio.Identifikator{{Type: "ORG_NO", Verdi: portaltest.OrgnrS}}, Protokoller: []string{digisos.Protokoll}}
		endre(&a)
		_, err = h.Fio.OpprettAdresse(t.Context(), tx, a)
		return err
	})
	return k
}

// kontomelding puts a message in the queue of Testby's konto.
func kontomelding(t *testing.T, h *portaltest.Hus) {
	t.Helper()
	h.Skriv(t, func(tx *store.Tx) error {
		_, err := h.Fio.Send(t.Context(), tx, fiksio.Utgaaende{AvsenderKontoID: portaltest.Konto, MottakerKontoID: portaltest.Konto, Type: "no.test.v1"}, nil)
		return err
	})
}

// kontosertifikat makes a certificate of its own, as PEM.
func kontosertifikat(t *testing.T, biter int, fra, til time.Time) []byte {
	t.Helper()
	key, _ := grunntest.Plattformnokkel(t)
	if biter != key.N.BitLen() {
		var err error
		key, err = rsa.GenerateKey(rand.Reader, biter)
		portaltest.Must(t, err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(0xabcdef), Subject: pkix.Name{CommonName: "Testby barnevern"}, NotBefore: fra, NotAfter: til}
	der, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	portaltest.Must(t, err)
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

// lastOpp sends the form of a key as a browser does.
func lastOpp(t *testing.T, n *portaltest.Nettleser, sti string, fil, tekst []byte) portaltest.SvarSide {
	t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	f, err := w.CreateFormFile("fil", "nøkkel.pem")
	portaltest.Must(t, err)
	_, err = f.Write(fil)
	portaltest.Must(t, err)
	portaltest.Must(t, w.WriteField("tekst", string(tekst)))
	portaltest.Must(t, w.Close())
	return n.Send(t, sti, w.FormDataContentType(), b.String())
}

func TestKontoliste(t *testing.T) {
	t.Parallel()
	h := portaltest.NyttHus(t)
	n := h.Som(t, portaltest.Admin)
	// Fiks IO is not in use: the page says so, and there is no form.
	skog := "/forvaltning/" + portaltest.OrgSkog + "/kontoer"
	if s := n.Get(t, skog).Er(t, 200, "Ta i bruk Fiks IO før dere lager en konto", "En konto er en postkasse"); strings.Contains(s.HTML, skog+"/ny") {
		t.Error("a konto is offered")
	}
	n.Get(t, skog+"/ny").Til(t, skog)
	n.Post(t, skog+"/ny", "id", uuid.NewString(), "navn", "Skogby").Til(t, skog)
	n.Post(t, "/forvaltning/"+portaltest.OrgSkog+"/tjenester", "tjeneste", organisasjon.TypeFiksIO).Er(t, 303)
	n.Get(t, skog).Er(t, 200, "Organisasjonen har ingen kontoer ennå", skog+"/ny")
	if h.Antall(t, "fiksio_konto") != 1 {
		t.Error("a konto was made before Fiks IO was in use")
	}

	n.Get(t, kontoBase).Er(t, 200, "Testby fagsystem", portaltest.Konto, "Mangler nøkkel", `href="`+kontoHer+`"`)
	h.Nokkel(t)
	kontomelding(t, h)
	h.Klokke.Sett(h.Klokke.Now().Add(3*time.Hour + 59*time.Minute))
	n = h.Som(t, portaltest.Admin)
	n.Get(t, kontoBase).Er(t, 200, "Ingen henter meldinger fra denne kontoen", "<td>3 timer</td>", "<td>1</td>", "Gyldig til 1. januar 2040")
	n.Get(t, "/forvaltning/"+portaltest.OrgTest+"/tjenester").Er(t, 200, "Kontoer: 1. Meldinger i køene: 1.", "Kontoer som trenger tilsyn: 1", `href="`+kontoBase+`"`)
	h.Fio.Koble(portaltest.Konsumenter(2))
	n.Get(t, kontoBase).Er(t, 200, "Tar imot", "<td>2</td>")
	if s := n.Get(t, "/forvaltning/"+portaltest.OrgTest+"/tjenester").Er(t, 200); strings.Contains(s.HTML, "tilsyn") {
		t.Error(s.HTML)
	}
	// Sixty days before its end a key is warned of, and not before.
	for _, x := range []struct {
		naa  time.Time
		want string
	}{{portaltest.Utloper.Add(-60 * 24 * time.Hour), "Gyldig til 1. januar 2040"}, {portaltest.Utloper.Add(-60*24*time.Hour + time.Second), "Utløper om 59 dager"},
		{portaltest.Utloper.Add(-25 * time.Hour), "Utløper om 1 dag"}, {portaltest.Utloper.Add(-time.Second), "Utløper om mindre enn én dag"}, {portaltest.Utloper, "Nøkkelen har utløpt"}} {
		h.Klokke.Sett(x.naa)
		h.Som(t, portaltest.Admin).Get(t, kontoBase).Er(t, 200, x.want)
	}
}

func TestNyKonto(t *testing.T) {
	t.Parallel()
	h := portaltest.NyttHus(t)
	n := h.Som(t, portaltest.Admin)
	id := n.Get(t, kontoBase+"/ny").Er(t, 200).Skjult(t, "id")
	for navn, sier := range map[string]string{"": "Skriv et navn på kontoen", "x": "minst to tegn", "<b>": "bare ha bokstaver", strings.Repeat("å", 201): "høyst 200 tegn",
		"TESTBY  fagsystem": "Dere har alt en konto som heter «TESTBY fagsystem»"} {
		n.Post(t, kontoBase+"/ny", "id", id, "navn", navn).Er(t, 422, sier, `href="#navn"`, id)
	}
	for range 2 { // a double click
		n.Post(t, kontoBase+"/ny", "id", id, "navn", "Barnevern Testby").Til(t, kontoBase+"/"+id+"?gjort=laget")
	}
	k := enKonto(t, h, id)
	if k.FiksOrgID != portaltest.OrgTest || !k.Aktiv || k.Navn != "Barnevern Testby" || k.OpprettetAv != portaltest.Admin || h.Antall(t, "fiksio_konto") != 2 {
		t.Errorf("%+v", k)
	}
	n.Get(t, kontoBase+"/"+id+"?gjort=laget").Er(t, 200, "Kontoen er laget", "Kontoen mangler nøkkel")
	n.Post(t, kontoBase+"/ny", "id", "tull", "navn", "Andre").Er(t, 400)
	// The id of another organisation's konto makes nothing, and tells nothing.
	andres := annenKonto(t, h, portaltest.OrgSkog, "Skogbys", func(*fiksio.Adresse) {})
	if s := n.Post(t, kontoBase+"/ny", "id", andres.ID, "navn", "Andre").Er(t, 409); strings.Contains(s.HTML, "Skogbys") {
		t.Error(s.HTML)
	}
	// Another organisation may have the name.
	n.Post(t, kontoBase+"/ny", "id", uuid.NewString(), "navn", "Skogbys").Er(t, 303)
}

func TestKontonavn(t *testing.T) {
	t.Parallel()
	h := portaltest.NyttHus(t)
	annenKonto(t, h, portaltest.OrgTest, "Opptatt", func(*fiksio.Adresse) {})
	en, to := h.Som(t, portaltest.Admin), h.Som(t, portaltest.Admin2)
	v := en.Get(t, kontoHer+"/navn").Er(t, 200, "Testby fagsystem").Skjult(t, "versjon")
	en.Post(t, kontoHer+"/navn", "versjon", v, "navn", "opptatt").Er(t, 422, "Dere har alt en konto som heter «opptatt»", `href="#navn"`)
	for range 2 {
		en.Post(t, kontoHer+"/navn", "versjon", v, "navn", "Nytt navn").Til(t, kontoHer+"?gjort=lagret")
	}
	// The other one has looked at the old name.
	s := to.Post(t, kontoHer+"/navn", "versjon", v, "navn", "Mitt navn").Er(t, 409, "Noen andre har endret dette", "Dette er lagret nå", "Nytt navn", `value="Mitt navn"`)
	if enKonto(t, h, portaltest.Konto).Navn != "Nytt navn" {
		t.Error("overwritten")
	}
	to.Post(t, kontoHer+"/navn", "versjon", s.Skjult(t, "versjon"), "navn", "Mitt navn").Til(t, kontoHer+"?gjort=lagret")
	// Its own name in other letters is not taken.
	to.Post(t, kontoHer+"/navn", "versjon", "Mitt navn", "navn", "MITT NAVN").Til(t, kontoHer+"?gjort=lagret")
	id, _ := h.Fagsystem(t, portaltest.OrgTest, "Fagsystem")
	to.Get(t, "/forvaltning/"+portaltest.OrgTest+"/integrasjoner/"+id).Er(t, 200, "Konto: MITT NAVN")
}

func TestKontoAktivOgSletting(t *testing.T) {
	t.Parallel()
	h := portaltest.NyttHus(t)
	h.Dokumentlager(t, portaltest.OrgTest)
	h.Konfigurer(t)
	n := h.Som(t, portaltest.Admin)
	kontomelding(t, h)
	h.Fio.Koble(portaltest.Konsumenter(1))
	n.Get(t, kontoHer).Er(t, 200, "Deaktiver kontoen", "Digisos-søknadene går til denne kontoen", "Under ett minutt")
	for range 2 {
		n.Post(t, kontoHer, "handling", "deaktiver").Til(t, kontoHer+"?gjort=inaktiv")
	}
	if enKonto(t, h, portaltest.Konto).Aktiv {
		t.Error("still active")
	}
	n.Get(t, kontoHer+"?gjort=inaktiv").Er(t, 200, "Kontoen er ikke lenger aktiv", "Aktiver kontoen", "Ikke aktiv")
	n.Post(t, kontoHer, "handling", "aktiver").Til(t, kontoHer+"?gjort=aktiv")
	n.Post(t, kontoHer, "handling", "tull").Er(t, 400)
	if k := enKonto(t, h, portaltest.Konto); !k.Aktiv || k.SistEndretAv != portaltest.Admin {
		t.Errorf("%+v", k)
	}
	// While søknader go to it, it is not deleted.
	n.Get(t, kontoHer+"/slett").Er(t, 200, "så den kan ikke slettes", "/digisos/endre/kanal")
	n.Post(t, kontoHer+"/slett").Er(t, 409, "så den kan ikke slettes")
	k := portaltest.Konfig()
	k.BrukerFiksIO, k.FiksIOKontoID = false, ""
	_, versjon, err := h.Dig.KonfigurasjonMedVersjon(t.Context(), portaltest.OrgTest)
	portaltest.Must(t, err)
	portaltest.Must(t, h.Dig.EndreKonfigurasjonFra(auth.With(t.Context(), auth.Caller{Slag: auth.Person, Fnr: portaltest.Admin}), portaltest.OrgTest, versjon, k))
	id, _ := h.Fagsystem(t, portaltest.OrgTest, "Fagsystem sosial")
	h.Skriv(t, func(tx *store.Tx) error {
		return h.Org.GiTilgang(t.Context(), tx, auth.Caller{}, id, auth.FiksIOKonto, portaltest.Konto)
	})
	n.Get(t, kontoHer+"/slett").Er(t, 200, "Meldinger som ligger i køen og aldri blir hentet: 1", "blir koblet fra: 1", "«Digisos»", "«Fagsystem sosial»", "Det kan ikke angres")
	n.Get(t, "/forvaltning/"+portaltest.OrgTest+"/integrasjoner/"+id).Er(t, 200, "Konto: Testby fagsystem")
	n.Post(t, kontoHer+"/slett").Til(t, kontoBase+"?gjort=slettet")
	n.Get(t, kontoBase+"?gjort=slettet").Er(t, 200, "Kontoen er slettet", "ingen kontoer ennå")
	n.Get(t, kontoHer).Er(t, 404)
	if _, err := h.Fio.Konto(t.Context(), portaltest.Konto); !feil.Er(err, feil.IkkeFunnet) {
		t.Error(err)
	}
	if s := n.Get(t, "/forvaltning/"+portaltest.OrgTest+"/integrasjoner/"+id).Er(t, 200); strings.Contains(s.HTML, "Testby fagsystem") {
		t.Error("access to a konto that is deleted can be given")
	}
}

func TestKontonokkel(t *testing.T) {
	t.Parallel()
	h := portaltest.NyttHus(t)
	en, to := h.Som(t, portaltest.Admin), h.Som(t, portaltest.Admin2)
	sti := kontoHer + "/nokkel"
	en.Get(t, sti).Er(t, 200, "Legg inn nøkkel", `enctype="multipart/form-data"`)
	god := kontosertifikat(t, 2048, grunntest.Start.AddDate(-1, 0, 0), grunntest.Start.AddDate(0, 0, 100))
	vises := []string{"CN=Testby barnevern", "<code>11259375</code>", "10. juni 2025", "18. september 2026", "Utløper om 100 dager", "2048 biter (RSA)", "SHA-256"}
	// Looked over, nothing is stored; the same as text and as a file of either form.
	der, _ := pem.Decode(god)
	for _, s := range []portaltest.SvarSide{lastOpp(t, en, sti, god, nil), lastOpp(t, en, sti, nil, god), lastOpp(t, en, sti, der.Bytes, []byte(" \r\n"))} {
		s.Er(t, 200, append(vises, "Ingenting er lagret ennå", "Avsendere kan kryptere til kontoen med en gang")...)
		if enKonto(t, h, portaltest.Konto).Sertifikat != nil {
			t.Fatal("stored before it was looked over")
		}
	}
	s := lastOpp(t, en, sti, god, nil)
	forste := []string{"versjon", s.Skjult(t, "versjon"), "sertifikat", s.Skjult(t, "sertifikat")}
	for range 2 {
		en.Post(t, sti, forste...).Til(t, sti+"?gjort=nokkel")
	}
	en.Get(t, sti+"?gjort=nokkel").Er(t, 200, append(vises, "Nøkkelen er tatt i bruk.", "Bytt nøkkel")...)
	if !bytes.Equal(enKonto(t, h, portaltest.Konto).Sertifikat, der.Bytes) {
		t.Fatal("not the certificate that was shown")
	}
	lastOpp(t, en, sti, god, nil).Er(t, 200, "det samme sertifikatet")

	// Replaced: what happens to messages under way is said; two at once is a conflict.
	kontomelding(t, h)
	snart := kontosertifikat(t, 2048, grunntest.Start.AddDate(0, 0, -1), grunntest.Start.AddDate(0, 0, 59))
	annet := portaltest.Sertifikat(t)
	a := lastOpp(t, en, sti, snart, nil).Er(t, 200, "kryptert med den gamle nøkkelen: 1", "Behold den gamle private nøkkelen", "mindre enn 60 dager", "Utløper om 59 dager", "Utløper om 100 dager")
	b := lastOpp(t, to, sti, annet, nil).Er(t, 200)
	en.Post(t, sti, "versjon", a.Skjult(t, "versjon"), "sertifikat", a.Skjult(t, "sertifikat")).Til(t, sti+"?gjort=nokkel")
	c := to.Post(t, sti, "versjon", b.Skjult(t, "versjon"), "sertifikat", b.Skjult(t, "sertifikat")).Er(t, 409, "Noen andre har byttet nøkkelen", "Utløper om 59 dager", "CN=Testby fagsystem")
	to.Post(t, sti, "versjon", c.Skjult(t, "versjon"), "sertifikat", c.Skjult(t, "sertifikat")).Til(t, sti+"?gjort=nokkel")
	if p, _ := pem.Decode(annet); !bytes.Equal(enKonto(t, h, portaltest.Konto).Sertifikat, p.Bytes) {
		t.Error("not the one that was chosen at last")
	}
	if k := enKonto(t, h, portaltest.Konto); k.SistEndretAv != portaltest.Admin2 {
		t.Error("who did it is not kept")
	}
}

// What is no certificate to encrypt to is refused in words of its own, changes
// nothing, and is kept nowhere, least of all a private key.
func TestFeilKontonokkel(t *testing.T) {
	t.Parallel()
	h := portaltest.NyttHus(t)
	h.Nokkel(t)
	n := h.Som(t, portaltest.Admin)
	sti := kontoHer + "/nokkel"
	key, _ := grunntest.Plattformnokkel(t)
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	portaltest.Must(t, err)
	pkix, err := x509.MarshalPKIXPublicKey(key.Public())
	portaltest.Must(t, err)
	blokk := func(typ string, b []byte) []byte { return pem.EncodeToMemory(&pem.Block{Type: typ, Bytes: b}) }
	start, god := grunntest.Start, portaltest.Sertifikat(t)
	privat := blokk("PRIVATE KEY", pkcs8)
	foer := enKonto(t, h, portaltest.Konto)
	sagt := map[string]string{}
	for navn, f := range map[string]struct {
		inn  []byte
		sier string
	}{
		"nothing":       {nil, "Velg en fil med sertifikatet"},
		"private key":   {privat, "Dette er en privat nøkkel"},
		"expired":       {kontosertifikat(t, 2048, start.AddDate(-2, 0, 0), start), "Sertifikatet har utløpt"},
		"not yet valid": {kontosertifikat(t, 2048, start.Add(time.Second), start.AddDate(1, 0, 0)), "Sertifikatet er ikke gyldig ennå"},
		"too short":     {kontosertifikat(t, 1024, start.AddDate(-1, 0, 0), start.AddDate(1, 0, 0)), "Nøkkelen i sertifikatet er for kort"},
		"a picture":     {[]byte("\x89PNG\r\n\x1a\n"), "Dette er ikke et sertifikat"},
		"several":       {slices.Concat(god, god), "Her er flere sertifikater"},
		"public key":    {blokk("PUBLIC KEY", pkix), "offentlig nøkkel uten sertifikat"},
		"request":       {blokk("CERTIFICATE REQUEST", []byte("x")), "bestilling av et sertifikat"},
		"damaged":       {blokk("CERTIFICATE", []byte("x")), "Sertifikatet kan ikke leses"},
		"words behind":  {slices.Concat(god, []byte("hei")), "Det står noe mer etter sertifikatet"},
	} {
		for i, s := range []portaltest.SvarSide{lastOpp(t, n, sti, f.inn, nil), lastOpp(t, n, sti, nil, f.inn)} {
			s.Er(t, 422, f.sier, "Du må rette én feil", "CN=Testby fagsystem")
			felt := `href="#fil"`
			if i == 1 && f.inn != nil {
				felt = `href="#tekst"`
			}
			s.Er(t, 422, felt)
			if strings.Contains(s.HTML, "PRIVATE KEY") {
				t.Errorf("%s: a private key is shown again", navn)
			}
		}
		if sagt[f.sier] != "" {
			t.Errorf("%s and %s are told in the same words", navn, sagt[f.sier])
		}
		sagt[f.sier] = navn
	}
	lastOpp(t, n, sti, god, god).Er(t, 422, "Bruk bare én av dem")
	lastOpp(t, n, sti, bytes.Repeat([]byte("x"), 64<<10+1), nil).Er(t, 413, "for stor til å være et sertifikat")
	lastOpp(t, n, sti, bytes.Repeat([]byte("x"), 1<<20), nil).Er(t, 413)
	n.Post(t, sti, "versjon", "x", "sertifikat", "!!").Er(t, 422, "Velg en fil med sertifikatet")
	n.Send(t, sti, "multipart/form-data; boundary=x", "--x\r\n").Er(t, 400)
	if k := enKonto(t, h, portaltest.Konto); !bytes.Equal(k.Sertifikat, foer.Sertifikat) || !k.SistEndret.Equal(foer.SistEndret) {
		t.Error("something was changed")
	}
	// Not even by a login that has run out: what was in the form is gone.
	h.Klokke.Sett(h.Klokke.Now().Add(portal.Ledig + time.Second))
	lastOpp(t, n, sti, nil, privat).Til(t, "/logg-inn?til="+sti)
	var kept int
	portaltest.Must(t, h.DB.Read().QueryRowContext(t.Context(), `SELECT count(*) FROM portal_sesjoner WHERE skjema IS NOT NULL`).Scan(&kept))
	if kept != 0 {
		t.Error("a form with a private key was kept")
	}
	if strings.Contains(h.Logg.B.String(), "PRIVATE") {
		t.Error("it is in the log")
	}
}

var valgt = regexp.MustCompile(`<input class="ds-input" type="(?:checkbox|radio)" id="[^"]*" name="([^"]+)" value="([^"]*)" checked`)

// krysset are the values ticked on a page.
func krysset(s portaltest.SvarSide) map[string][]string {
	ut := map[string][]string{}
	for _, m := range valgt.FindAllStringSubmatch(s.HTML, -1) {
		ut[m[1]] = append(ut[m[1]], m[2])
	}
	return ut
}

func TestKontoadresser(t *testing.T) {
	t.Parallel()
	h := portaltest.NyttHus(t)
	en, to := h.Som(t, portaltest.Admin), h.Som(t, portaltest.Admin2)
	sti := kontoHer + "/adresser"
	en.Get(t, sti).Er(t, 200, "ORG_NO."+portaltest.OrgnrT, digisos.Protokoll, "Aktiv")
	s := en.Get(t, sti+"/ny").Er(t, 200, portaltest.OrgnrT) // its own number is proposed
	id := s.Skjult(t, "versjon")
	fyll := func(par ...string) []string {
		return append([]string{"versjon", id, "beskrivelse", "Barnevern, sør", "orgnr", "310 000 248\n\n 310000248", "navenhet", "0219;0220", "protokoll", fiksio.ProtokollBekymringsmelding,
			"niva", "4", "niva", "3", "aktiv", "ja"}, par...)
	}
	for _, f := range []struct {
		par  []string
		sier string
	}{
		{[]string{"versjon", id, "aktiv", "ja", "orgnr", "310000249", "navenhet", "02a9"}, "Organisasjonsnummeret «310000249» er ikke riktig"},
		{[]string{"versjon", id, "aktiv", "ja", "navenhet", "02a9"}, "NAV-enheten «02a9» er ikke riktig"},
		{[]string{"versjon", id, "aktiv", "ja"}, "Skriv en beskrivelse"},
		{[]string{"versjon", id, "aktiv", "ja", "beskrivelse", "<b>"}, "Beskrivelsen kan bare ha"},
		{[]string{"versjon", id, "aktiv", "ja", "beskrivelse", "x"}, "Skriv minst ett organisasjonsnummer"},
		{[]string{"versjon", id, "aktiv", "ja", "beskrivelse", "x"}, "minst én av protokollene"},
		{[]string{"versjon", id, "aktiv", "ja", "beskrivelse", "x"}, "minst ett sikkerhetsnivå"},
		{[]string{"versjon", id, "beskrivelse", "x"}, "Velg om avsendere skal finne adressen"},
	} {
		en.Post(t, sti+"/ny", f.par...).Er(t, 422, f.sier, id)
	}
	en.Post(t, sti+"/ny", "versjon", "tull").Er(t, 400)
	for range 2 { // a double click
		en.Post(t, sti+"/ny", fyll("protokoll", "no.ikke.tilbudt")...).Til(t, sti+"?gjort=adresse")
	}
	as, err := h.Fio.Adresser(t.Context(), portaltest.Konto)
	portaltest.Must(t, err)
	i := slices.IndexFunc(as, func(a fiksio.Adresse) bool { return a.ID == id })
	if len(as) != 2 || i < 0 {
		t.Fatalf("%+v", as)
	}
	if a := as[i]; !a.Aktiv || len(a.Identifikatorer) != 3 || !slices.Equal(a.Protokoller, []string{fiksio.ProtokollBekymringsmelding}) || len(a.Nivaer) != 2 || a.OpprettetAv != portaltest.Admin {
		t.Errorf("%+v", a)
	}
	if k, err := h.Fio.SlaOpp(t.Context(), "NAVENHET_ID.0220", fiksio.ProtokollBekymringsmelding, 3); err != nil || k.ID != portaltest.Konto {
		t.Errorf("%+v %v", k, err)
	}
	// Changed by two at once; what the catalogue does not know stays.
	_, err = h.Fio.EndreAdresse(t.Context(), portaltest.Konto, id, "", func(a *fiksio.Adresse) error {
		a.Protokoller = append(a.Protokoller, "no.egen.protokoll")
		return nil
	})
	portaltest.Must(t, err)
	s = en.Get(t, sti+"/"+id).Er(t, 200, "no.egen.protokoll", "Ikke i katalogen", "0219\n0220")
	if k := krysset(s); !slices.Contains(k["protokoll"], "no.egen.protokoll") || !slices.Equal(k["aktiv"], []string{"ja"}) || len(k["niva"]) != 2 {
		t.Errorf("%v", k)
	}
	v := s.Skjult(t, "versjon")
	endre := func(n *portaltest.Nettleser, versjon, beskrivelse, aktiv string) portaltest.SvarSide {
		return n.Post(t, sti+"/"+id, "versjon", versjon, "beskrivelse", beskrivelse, "navenhet", "0219", "protokoll", "no.egen.protokoll", "niva", "4", "aktiv", aktiv)
	}
	for range 2 {
		endre(en, v, "Endret", "nei").Til(t, sti+"?gjort=lagret")
	}
	if _, err := h.Fio.SlaOpp(t.Context(), "NAVENHET_ID.0219", "no.egen.protokoll", 4); !feil.Er(err, feil.IkkeFunnet) {
		t.Errorf("it is still found: %v", err)
	}
	k := endre(to, v, "Min", "ja").Er(t, 409, "Noen andre har endret dette", "Dette er lagret nå", "Endret", `value="Min"`)
	endre(to, k.Skjult(t, "versjon"), "Min", "ja").Til(t, sti+"?gjort=lagret")
	if k, err := h.Fio.SlaOpp(t.Context(), "NAVENHET_ID.0219", "no.egen.protokoll", 4); err != nil || k.ID != portaltest.Konto {
		t.Errorf("%+v %v", k, err)
	}
	to.Get(t, kontoHer+"/protokoller").Er(t, 200, "no.egen.protokoll", ">Min</a>", "Ingen aktiv adresse", "no.nav.digisos.soknad.v1")
	// Deleted.
	en.Get(t, sti+"/"+id+"/slett").Er(t, 200, "Vil du slette adressen «Min»?")
	en.Post(t, sti+"/"+id+"/slett").Til(t, sti+"?gjort=adresseborte")
	en.Post(t, sti+"/"+id+"/slett").Til(t, sti+"?gjort=adresseborte") // pressed twice
	en.Get(t, sti+"/"+id).Er(t, 404)
	en.Get(t, sti+"?gjort=adresseborte").Er(t, 200, "Adressen er slettet")
}

// An address that overlaps another one is refused; whose that is, is told only
// to those who administer it.
func TestOverlappendeAdresser(t *testing.T) {
	t.Parallel()
	h := portaltest.NyttHus(t)
	skogbys := annenKonto(t, h, portaltest.OrgSkog, "Skogbys konto", func(a *fiksio.Adresse) { a.Beskrivelse = "Skogbys adresse" })
	annenKonto(t, h, portaltest.OrgTest, "Egen konto", func(a *fiksio.Adresse) {
		a.Beskrivelse, a.Identifikatorer = "Egen adresse", []fiksio.Identifikator{{Type: "NAVENHET_ID", Verdi: "0219"}}
	})
	begge, bare := h.Som(t, portaltest.Admin), h.Som(t, portaltest.Admin2)
	a := kontoadresse(t, h)
	sti := kontoHer + "/adresser/" + a.ID
	post := func(n *portaltest.Nettleser, sti, versjon, orgnr, enhet string) portaltest.SvarSide {
		return n.Post(t, sti, "versjon", versjon, "beskrivelse", "Ny", "orgnr", orgnr, "navenhet", enhet, "protokoll", digisos.Protokoll, "niva", "4", "niva", "2", "aktiv", "ja").Er(t, 422)
	}
	for _, x := range []struct{ sti, versjon string }{{sti, bare.Get(t, sti).Skjult(t, "versjon")}, {kontoHer + "/adresser/ny", uuid.NewString()}} {
		orgnr := portaltest.OrgnrS
		post(bare, x.sti, x.versjon, "", "0219").Er(t, 422, "«Egen adresse» på kontoen «Egen konto»", "NAVENHET_ID.0219", "Se adressen «Egen adresse»", `href="#navenhet"`)
		s := post(bare, x.sti, x.versjon, orgnr, "").Er(t, 422, "en aktiv adresse hos en annen organisasjon", "ORG_NO."+orgnr, digisos.Protokoll, "nivå 4.", `href="#orgnr"`)
		for _, hemmelig := range []string{"Skogby", skogbys.ID, portaltest.OrgSkog} {
			if strings.Contains(s.HTML, hemmelig) {
				t.Errorf("%q is told to those who do not administer it", hemmelig)
			}
		}
		post(begge, x.sti, x.versjon, orgnr, "").Er(t, 422, "«Skogbys adresse» på kontoen «Skogbys konto» i Skogby kommune", "/forvaltning/"+portaltest.OrgSkog+"/kontoer/"+skogbys.ID+"/adresser/")
	}
	if naa := kontoadresse(t, h); naa.Beskrivelse != a.Beskrivelse {
		t.Error("changed all the same")
	}
	// Not active, it is in nobody's way.
	bare.Post(t, kontoHer+"/adresser/ny", "versjon", uuid.NewString(), "beskrivelse", "Ny", "orgnr", portaltest.OrgnrS, "protokoll", digisos.Protokoll, "niva", "4", "aktiv", "nei").Til(t, kontoHer+"/adresser?gjort=adresse")
}

func TestKontotilganger(t *testing.T) {
	t.Parallel()
	h := portaltest.NyttHus(t)
	n := h.Som(t, portaltest.Admin)
	n.Get(t, kontoHer+"/tilganger").Er(t, 200, "Ingen integrasjon kan bruke kontoen", "/forvaltning/"+portaltest.OrgTest+"/integrasjoner")
	egen, _ := h.Fagsystem(t, portaltest.OrgTest, "Eget fagsystem")
	h.Fagsystem(t, portaltest.OrgTest, "Uten tilgang")
	andres, _ := h.Fagsystem(t, portaltest.OrgSkog, "Leverandørens")
	h.Skriv(t, func(tx *store.Tx) error {
		for _, id := range []string{egen, andres} {
			if err := h.Org.GiTilgang(t.Context(), tx, auth.Caller{}, id, auth.FiksIOKonto, portaltest.Konto); err != nil {
				return err
			}
		}
		return nil
	})
	s := n.Get(t, kontoHer+"/tilganger").Er(t, 200, `/integrasjoner/`+egen+`">Eget fagsystem`, "Leverandørens (hos en annen organisasjon)")
	if strings.Contains(s.HTML, "Uten tilgang") || strings.Contains(s.HTML, "/integrasjoner/"+andres) {
		t.Error(s.HTML)
	}
}

func TestAvsendere(t *testing.T) {
	t.Parallel()
	h := portaltest.NyttHus(t)
	h.Leverer(t)
	n := h.Som(t, portaltest.Admin)
	sti := kontoHer + "/avsendere"
	plattform, err := h.Fio.Plattformkontoer(t.Context())
	portaltest.Must(t, err)
	if len(plattform) != 1 {
		t.Fatal(plattform)
	}
	avs := annenKonto(t, h, portaltest.OrgSkog, "Skogbys konto", func(*fiksio.Adresse) {})
	if k := krysset(n.Get(t, sti).Er(t, 200, "Lista er tom", "Alle kan sende nå", "Knutepunkt")); !slices.Equal(k["regel"], []string{"alle"}) {
		t.Error(k)
	}
	for id, sier := range map[string]string{"": "Skriv avsenderens konto-id", "tull": "ikke riktig skrevet", "{" + uuid.NewString() + "}": "ikke riktig skrevet", uuid.NewString(): "Ingen konto har denne konto-id-en"} {
		n.Post(t, sti, "handling", "legg-til", "avsender", id).Er(t, 422, sier, `href="#avsender"`)
	}
	godtas := func(want bool) {
		t.Helper()
		g, err := h.Fio.ValiderMelding(t.Context(), portaltest.Konto, avs.ID, "no.test.v1", false)
		portaltest.Must(t, err)
		if (len(g) == 0) != want {
			t.Errorf("%v, want %t", g, want)
		}
	}
	n.Post(t, sti, "handling", "regel", "regel", "tull").Er(t, 400)
	n.Post(t, sti, "handling", "tull").Er(t, 400)
	godtas(true)
	for range 2 {
		n.Post(t, sti, "handling", "regel", "regel", "liste").Til(t, sti+"?gjort=lagret")
	}
	godtas(false)
	n.Get(t, sti).Er(t, 200, "Ingen kan sende til kontoen")
	n.Get(t, kontoHer).Er(t, 200, "Ingen kan sende til kontoen")
	for range 2 {
		n.Post(t, sti, "handling", "legg-til", "avsender", " "+strings.ToUpper(avs.ID)+" ").Til(t, sti+"?gjort=avsender")
	}
	godtas(true)
	n.Get(t, sti).Er(t, 200, "Skogbys konto, Skogby kommune", avs.ID, "Plattformen står ikke på lista")
	n.Post(t, sti, "handling", "legg-til", "avsender", plattform[0].ID).Til(t, sti+"?gjort=avsender")
	if s := n.Get(t, sti).Er(t, 200); strings.Contains(s.HTML, "Plattformen står ikke") {
		t.Error(s.HTML)
	}
	for range 2 {
		n.Post(t, sti, "handling", "fjern", "konto", avs.ID).Til(t, sti+"?gjort=avsenderborte")
	}
	godtas(false)
	n.Post(t, sti, "handling", "regel", "regel", "alle").Til(t, sti+"?gjort=lagret")
	godtas(true)
}

// Another organisation's konto does not exist here, and the platform's own can be
// looked at alone.
func TestAndresKontoer(t *testing.T) {
	t.Parallel()
	h := portaltest.NyttHus(t)
	h.Leverer(t)
	n := h.Som(t, portaltest.Admin2)
	andres := annenKonto(t, h, portaltest.OrgSkog, "Skogbys konto", func(*fiksio.Adresse) {})
	as, err := h.Fio.Adresser(t.Context(), andres.ID)
	portaltest.Must(t, err)
	post := []string{"versjon", "x", "navn", "Ny", "handling", "deaktiver", "beskrivelse", "x", "aktiv", "nei"}
	for sti := range kontosider(t, h) {
		if !strings.HasPrefix(sti, kontoHer) {
			continue
		}
		for _, u := range []string{strings.ReplaceAll(sti, portaltest.Konto, andres.ID), strings.ReplaceAll(sti, portaltest.Konto, "tull")} {
			n.Get(t, u).Er(t, 404)
			n.Post(t, u, post...).Er(t, 404)
		}
	}
	// Its address neither, through a konto of one's own.
	for _, u := range []string{"", "/slett"} {
		n.Get(t, kontoHer+"/adresser/"+as[0].ID+u).Er(t, 404)
	}
	n.Post(t, kontoHer+"/adresser/"+as[0].ID, post...).Er(t, 404)
	n.Post(t, kontoHer+"/adresser/"+as[0].ID+"/slett").Til(t, kontoHer+"/adresser?gjort=adresseborte") // as one that is gone
	if k := enKonto(t, h, andres.ID); !k.Aktiv || k.Navn != andres.Navn {
		t.Errorf("%+v", k)
	}
	if igjen, err := h.Fio.Adresser(t.Context(), andres.ID); err != nil || len(igjen) != 1 {
		t.Errorf("%v %v", igjen, err)
	}
	plattform, err := h.Fio.Plattformkontoer(t.Context())
	portaltest.Must(t, err)
	h.Skriv(t, func(tx *store.Tx) error {
		return h.Org.GiTilgang(t.Context(), tx, auth.Caller{}, portaltest.Admin2, auth.Admin, portaltest.OrgNAV)
	})
	nav := "/forvaltning/" + portaltest.OrgNAV + "/kontoer"
	n.Get(t, nav).Er(t, 200, "Knutepunkt (plattformens egen)")
	if s := n.Get(t, nav+"/"+plattform[0].ID).Er(t, 200, "Den kan ikke endres her"); strings.Contains(s.HTML, "/slett") {
		t.Error(s.HTML)
	}
	n.Post(t, nav+"/"+plattform[0].ID, "handling", "deaktiver").Er(t, 404)
	for _, u := range []string{"/navn", "/nokkel", "/slett", "/adresser", "/avsendere"} {
		n.Get(t, nav+"/"+plattform[0].ID+u).Er(t, 404)
	}
}

// What was filled in when the login ran out is there again.
func TestKontoskjemaEtterTaptInnlogging(t *testing.T) {
	t.Parallel()
	h := portaltest.NyttHus(t)
	a := kontoadresse(t, h)
	sert := lastOpp(t, h.Som(t, portaltest.Admin), kontoHer+"/nokkel", portaltest.Sertifikat(t), nil).Skjult(t, "sertifikat")
	for sti, f := range map[string]struct {
		par   []string
		vises string
	}{
		kontoBase + "/ny":              {[]string{"id", uuid.NewString(), "navn", "Nesten laget"}, `value="Nesten laget"`},
		kontoHer + "/navn":             {[]string{"versjon", "Testby fagsystem", "navn", "Nesten endret"}, `value="Nesten endret"`},
		kontoHer + "/nokkel":           {[]string{"versjon", "ingen", "sertifikat", sert}, "Ta nøkkelen i bruk"},
		kontoHer + "/adresser/ny":      {[]string{"versjon", uuid.NewString(), "beskrivelse", "Nesten ny"}, `value="Nesten ny"`},
		kontoHer + "/adresser/" + a.ID: {[]string{"versjon", "x", "beskrivelse", "Nesten lagret"}, `value="Nesten lagret"`},
		kontoHer + "/avsendere":        {[]string{"handling", "legg-til", "avsender", "nesten"}, `value="nesten"`},
	} {
		n := h.Som(t, portaltest.Admin)
		n.Get(t, sti).Er(t, 200)
		h.Klokke.Sett(h.Klokke.Now().Add(portal.Ledig + time.Second))
		n.Post(t, sti, f.par...).Til(t, "/logg-inn?til="+sti)
		n.LoggInn(t, portaltest.Admin, 4, sti).Til(t, sti)
		s := n.Get(t, sti).Er(t, 200, "Du ble logget ut før skjemaet ble lagret", f.vises)
		for i := 0; i < 2; i += 2 {
			if f.par[i] == "versjon" || f.par[i] == "id" {
				if got := s.Skjult(t, f.par[i]); got != f.par[i+1] {
					t.Errorf("%s: the form is from %q now", sti, got)
				}
			}
		}
	}
}

// The wizard says where a konto is made when there is none to choose.
func TestVeiviserenViserTilKontoer(t *testing.T) {
	t.Parallel()
	h := portaltest.NyttHus(t)
	h.Dokumentlager(t, portaltest.OrgSkog)
	h.Dokumentlager(t, portaltest.OrgTest)
	n := h.Som(t, portaltest.Admin)
	lenke := func(org string) string {
		return `href="/forvaltning/` + org + `/kontoer">Lag en konto eller en adresse`
	}
	n.Get(t, "/forvaltning/"+portaltest.OrgSkog+"/digisos/veiviser/kanal").Er(t, 200, lenke(portaltest.OrgSkog))
	if s := n.Get(t, "/forvaltning/"+portaltest.OrgTest+"/digisos/veiviser/kanal").Er(t, 200); strings.Contains(s.HTML, lenke(portaltest.OrgTest)) {
		t.Error("there is a konto to choose")
	}
}

// medKontosider adds the pages of kontoer to others.
func medKontosider(t *testing.T, h *portaltest.Hus, sider map[string]int) map[string]int {
	t.Helper()
	maps.Copy(sider, kontosider(t, h))
	return sider
}
