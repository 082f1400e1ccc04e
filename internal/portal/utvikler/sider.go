package utvikler

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"knutepunkt/internal/feil"
	"knutepunkt/internal/portal"
)

// tokenFelt are the fields of the page with tokens.
func (u *Utvikler) tokenFelt(t portal.Tolk) []portal.Feltdef {
	b := u.s.Beskrivelse()
	var orger, personer []portal.Valg
	orger = append(orger, portal.Valg{Verdi: b.NAV.Orgnr, Etikett: "NAV, " + b.NAV.Orgnr})
	sett := map[string]bool{b.NAV.Orgnr: true}
	for _, k := range b.Kommuner {
		if !sett[k.Fagsystem.Orgnr] {
			sett[k.Fagsystem.Orgnr] = true
			orger = append(orger, portal.Valg{Verdi: k.Fagsystem.Orgnr, Etikett: t("utv.token.fagsystem", "kommune", k.Navn, "orgnr", k.Fagsystem.Orgnr)})
		}
	}
	personer = append(personer, portal.Valg{Verdi: "ingen", Etikett: t("utv.token.ingen")})
	for _, p := range b.Personer {
		personer = append(personer, portal.Valg{Verdi: p.Fnr, Etikett: p.Navn + ", " + p.Fnr})
	}
	return []portal.Feltdef{
		{Navn: "orgnr", Etikett: "utv.token.orgnr", Slag: "valg", Valg: orger, Mangler: "utv.token.orgnr.mangler"},
		{Navn: "pid", Etikett: "utv.token.pid", Hjelp: "utv.token.pid.hjelp", Slag: "valg", Valg: personer, Mangler: "utv.token.pid.mangler"},
		{Navn: "scope", Etikett: "utv.token.scope", Hjelp: "utv.token.scope.hjelp", Maks: 200, Bredde: "middels", Mangler: "utv.token.scope.mangler"},
	}
}

func (u *Utvikler) visToken(w http.ResponseWriter, r *http.Request) error {
	t := u.Tolk(r)
	s := portal.LesSkjema(t, u.tokenFelt(t), url.Values{"scope": {"ks:fiks"}, "pid": {"ingen"}}, false)
	return u.vis(w, r, http.StatusOK, "utvtoken", "utv.token", nil, map[string]any{"Skjema": s})
}

// lagToken shows a token with what stands in it, and a call that fetches another.
func (u *Utvikler) lagToken(w http.ResponseWriter, r *http.Request) error {
	t := u.Tolk(r)
	defs := u.tokenFelt(t)
	felt := portal.Rens(defs, r.PostForm)
	s := portal.LesSkjema(t, defs, felt, true)
	d := map[string]any{"Skjema": s}
	if len(s.Feil) > 0 {
		return u.vis(w, r, http.StatusUnprocessableEntity, "utvtoken", "utv.token", s.Feil, d)
	}
	base := u.s.Beskrivelse().BaseURL
	var token, adresse string
	var err error
	if pid := felt.Get("pid"); pid == "ingen" {
		token, err = u.s.Maskinporten(felt.Get("orgnr"), felt.Get("scope"))
		adresse = base + "/sandbox/token/maskinporten?" + url.Values{"orgno": {felt.Get("orgnr")}, "scope": {felt.Get("scope")}}.Encode()
	} else {
		token, err = u.s.IDPorten(pid, "", felt.Get("orgnr"))
		adresse = base + "/sandbox/token/idporten?" + url.Values{"pid": {pid}, "orgno": {felt.Get("orgnr")}}.Encode()
	}
	if err != nil {
		return err
	}
	if d["Innhold"], err = les(token); err != nil {
		return err
	}
	d["Token"], d["Kall"] = token, "curl -s '"+adresse+"'"
	return u.vis(w, r, http.StatusOK, "utvtoken", "utv.token", nil, d)
}

// les is what stands in a token of ours, laid out to be read.
func les(token string) (string, error) {
	deler := strings.Split(token, ".")
	if len(deler) != 3 {
		return "", fmt.Errorf("a token of %d parts", len(deler))
	}
	b, err := base64.RawURLEncoding.DecodeString(deler[1])
	if err != nil {
		return "", fmt.Errorf("a token's claims: %w", err)
	}
	var ut bytes.Buffer
	if err := json.Indent(&ut, b, "", "  "); err != nil {
		return "", fmt.Errorf("a token's claims: %w", err)
	}
	return ut.String(), nil
}

func (u *Utvikler) visNokler(w http.ResponseWriter, r *http.Request) error {
	return u.vis(w, r, http.StatusOK, "utvnokler", "utv.nokler", nil, map[string]any{"Kommuner": u.s.Beskrivelse().Kommuner})
}

// nokkelbit is the size of the RSA keys that are made.
const nokkelbit = 3072

// lagNokkel makes a key with its certificate, which are nowhere but in the answer.
func (u *Utvikler) lagNokkel(w http.ResponseWriter, r *http.Request) error {
	key, err := rsa.GenerateKey(rand.Reader, nokkelbit)
	if err != nil {
		return fmt.Errorf("making a key: %w", err)
	}
	serie, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return fmt.Errorf("making a serial number: %w", err)
	}
	naa := u.Klokke.Now()
	mal := x509.Certificate{SerialNumber: serie, Subject: pkix.Name{CommonName: "Testnøkkel", Organization: []string{"Knutepunkt sandkasse"}},
		NotBefore: naa.Add(-time.Hour), NotAfter: naa.AddDate(2, 0, 0), KeyUsage: x509.KeyUsageKeyEncipherment | x509.KeyUsageDigitalSignature}
	der, err := x509.CreateCertificate(rand.Reader, &mal, &mal, &key.PublicKey, key)
	if err != nil {
		return fmt.Errorf("making a certificate: %w", err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return fmt.Errorf("encoding a key: %w", err)
	}
	sum := sha256.Sum256(der)
	return u.vis(w, r, http.StatusOK, "utvnokler", "utv.nokler", nil, map[string]any{"Kommuner": u.s.Beskrivelse().Kommuner,
		"Nokkel":     string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8})),
		"Sertifikat": string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})),
		"Avtrykk":    hex.EncodeToString(sum[:])})
}

// meldinger is the newest messages, live.
func (u *Utvikler) meldinger(w http.ResponseWriter, r *http.Request) error {
	t := u.Tolk(r)
	siste, err := u.s.Siste(r.Context())
	if err != nil {
		return err
	}
	tab := portal.Tabell{Merke: t("utv.meldinger.tabell"), Kolonner: []string{t("utv.melding.id"), t("utv.melding.kilde"), t("utv.melding.tilstand"), t("utv.melding.neste"), t("utv.melding.endret")}}
	for _, m := range siste {
		tilstand := portal.Celle{Tekst: m.Tilstand, Farge: "neutral"}
		if m.Kanal != "" {
			tilstand.Tekst += " " + m.Kanal
		}
		if m.Alarm {
			tilstand.Farge = "danger"
		}
		tab.Rader = append(tab.Rader, []portal.Celle{{Tekst: m.ID, URL: m.Spor}, {Tekst: m.Kilde}, tilstand, {Tekst: m.Neste},
			{Tekst: portal.Tidspunkt(u.Spraak(r), m.Endret)}})
	}
	return u.vis(w, r, http.StatusOK, "utvmeldinger", "utv.meldinger", nil, map[string]any{"Tabell": tab, "Antall": len(siste), "Naa": u.s.Klokke()})
}

// virkninger are what a fault does, each with its text.
var virkninger = []struct{ verdi, tekst string }{
	{"status", "utv.feil.status"}, {"hang", "utv.feil.hang"}, {"duplicate", "utv.feil.duplicate"},
	{"drop", "utv.feil.drop"}, {"reject-token", "utv.feil.reject"},
}

func feilFelt(t portal.Tolk) []portal.Feltdef {
	var valg []portal.Valg
	for _, v := range virkninger {
		valg = append(valg, portal.Valg{Verdi: v.verdi, Etikett: t(v.tekst)})
	}
	return []portal.Feltdef{
		{Navn: "sti", Etikett: "utv.feil.sti", Hjelp: "utv.feil.sti.hjelp", Maks: 1000, Bredde: "middels", Mangler: "utv.feil.sti.mangler"},
		{Navn: "virkning", Etikett: "utv.feil.virkning", Slag: "valg", Valg: valg, Mangler: "utv.feil.virkning.mangler"},
		{Navn: "statuskode", Etikett: "utv.feil.statuskode", Inndata: "numeric", Bredde: "kort", Valgfri: true, Sjekk: fra(200, 599)},
		{Navn: "prosent", Etikett: "utv.feil.prosent", Inndata: "numeric", Bredde: "kort", Valgfri: true, Sjekk: fra(1, 100)},
		{Navn: "antall", Etikett: "utv.feil.antall", Hjelp: "utv.feil.antall.hjelp", Inndata: "numeric", Bredde: "kort", Valgfri: true, Sjekk: fra(1, 1_000_000)},
	}
}

// fra checks a whole number.
func fra(minst, mest int) func(string) (string, []any) {
	return func(s string) (string, []any) {
		if n, err := strconv.Atoi(s); err != nil || n < minst || n > mest {
			return "utv.tall", []any{"minst", minst, "mest", mest}
		}
		return "", nil
	}
}

func (u *Utvikler) visFeil(w http.ResponseWriter, r *http.Request) error {
	t := u.Tolk(r)
	return u.visFeilMed(w, r, http.StatusOK, portal.LesSkjema(t, feilFelt(t), url.Values{"virkning": {"status"}}, false))
}

func (u *Utvikler) visFeilMed(w http.ResponseWriter, r *http.Request, status int, s portal.Skjema) error {
	t := u.Tolk(r)
	tab := portal.Tabell{Merke: t("utv.feil.tabell"), Kolonner: []string{t("utv.feil.sti"), t("utv.feil.virkning"), t("utv.feil.prosent"), t("utv.feil.slag")}}
	for _, f := range u.s.Feil() {
		virkning := f.Virkning
		if f.Virkning == "status" {
			virkning += " " + strconv.Itoa(f.Status)
		}
		tab.Rader = append(tab.Rader, []portal.Celle{kode(f.Sti), {Tekst: virkning}, portal.Tall(int64(f.Prosent)), portal.Tall(f.Slag)})
	}
	return u.vis(w, r, status, "utvfeil", "utv.feil", s.Feil, map[string]any{"Skjema": s, "Tabell": tab})
}

// endreFeil takes a fault into force, or all away.
func (u *Utvikler) endreFeil(w http.ResponseWriter, r *http.Request) error {
	if r.PostForm.Get("handling") == "fjern" {
		u.s.FjernFeil()
		return portal.Videre(w, r, "/utvikler/feil")
	}
	t := u.Tolk(r)
	defs := feilFelt(t)
	felt := portal.Rens(defs, r.PostForm)
	s := portal.LesSkjema(t, defs, felt, true)
	if len(s.Feil) > 0 {
		return u.visFeilMed(w, r, http.StatusUnprocessableEntity, s)
	}
	tall := func(navn string) int { n, _ := strconv.Atoi(felt.Get(navn)); return n } // checked, or left out
	err := u.s.LeggTilFeil(Feil{Sti: felt.Get("sti"), Virkning: felt.Get("virkning"), Status: tall("statuskode"), Prosent: tall("prosent"), Antall: tall("antall")})
	if feil.Er(err, feil.Ugyldig) {
		s.Feil = []portal.Lenke{{Tekst: t("utv.feil.ugyldig"), URL: "#sti"}}
		return u.visFeilMed(w, r, http.StatusUnprocessableEntity, s)
	} else if err != nil {
		return err
	}
	return portal.Videre(w, r, "/utvikler/feil")
}

// flytt are how far the clock can be moved at a press.
var flytt = []struct {
	verdi, tekst string
	d            time.Duration
}{{"time", "utv.klokke.time", time.Hour}, {"dogn", "utv.klokke.dogn", 24 * time.Hour}, {"uke", "utv.klokke.uke", 7 * 24 * time.Hour}}

func (u *Utvikler) visKlokke(w http.ResponseWriter, r *http.Request) error {
	t := u.Tolk(r)
	var valg []portal.Valg
	for _, f := range flytt {
		valg = append(valg, portal.Valg{Verdi: f.verdi, Etikett: t(f.tekst)})
	}
	return u.vis(w, r, http.StatusOK, "utvklokke", "utv.klokke", nil, map[string]any{"Naa": u.s.Klokke(), "Valg": valg})
}

func (u *Utvikler) stillKlokke(w http.ResponseWriter, r *http.Request) error {
	for _, f := range flytt {
		if f.verdi == r.PostForm.Get("frem") {
			if err := u.s.Frem(r.Context(), f.d); err != nil {
				return err
			}
			return portal.Videre(w, r, "/utvikler/klokke")
		}
	}
	return feil.Ny(feil.Ugyldig, "Ukjent flytting av klokken")
}
