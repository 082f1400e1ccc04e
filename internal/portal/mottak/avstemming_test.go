package mottak_test

import (
	"bytes"
	"mime/multipart"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"knutepunkt/internal/portal/portaltest"
)

// lastOpp sends a file with the form of an office.
func lastOpp(t *testing.T, n *portaltest.Nettleser, sti, nokkel, filnavn, innhold string) portaltest.SvarSide {
	t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	portaltest.Must(t, w.WriteField("nokkel", nokkel))
	f, err := w.CreateFormFile("fil", filnavn)
	portaltest.Must(t, err)
	_, err = f.Write([]byte(innhold))
	portaltest.Must(t, err)
	portaltest.Must(t, w.Close())
	return n.Send(t, sti, w.FormDataContentType(), b.String())
}

// kvittert follows an answer to its receipt, and checks the numbers on it.
func kvittert(t *testing.T, n *portaltest.Nettleser, s portaltest.SvarSide, registrert, tidligere, ukjent, gjenstaar string) portaltest.SvarSide {
	t.Helper()
	sti := s.Er(t, 303).Header.Get("Location")
	return n.Get(t, sti).Er(t, 200, "Avstemmingen er tatt imot", "<dt>Registrert nå</dt><dd>"+registrert+"</dd>", "<dt>Meldt før</dt><dd>"+tidligere+"</dd>",
		"<dt>Ukjent</dt><dd>"+ukjent+"</dd>", "<dt>Avvik som gjenstår</dt><dd>"+gjenstaar+"</dd>")
}

// The three ways to tell what is registered, and what each answers.
func TestAvstemming(t *testing.T) {
	t.Parallel()
	h, k := hus(t)
	sti := sentrum(t, h)
	n := h.Som(t, kari)
	n.Get(t, "/mottak/avstemming").Til(t, sti) // the only office
	n.Get(t, sti).Er(t, 200, "Sentrum (9901-01)", "Alt som er levert, er meldt registrert", "<dt>Avvik</dt><dd>0</dd>")
	a, b, c, d := hull(t, h, k), hull(t, h, k), hull(t, h, k), hull(t, h, k)
	ok := h.Bekymring(t, portaltest.BydelV2, hemmelig)
	n.Post(t, "/mottak/meldinger/"+ok+"/bekreft", "lagret", "ja").Er(t, 303)
	h.Frem(t, 3*time.Hour)
	n = h.Som(t, kari)
	s := n.Get(t, sti).Er(t, 200, a, b, c, d, "Brev, levert for 3 timer siden.", "Et avvik lukkes aldri av seg selv", "den krypterte kopien blir tatt vare på til det er lukket",
		"<dt>Sendt til kontoret</dt><dd>5</dd>", "<dt>Bekreftet levert</dt><dd>5</dd>", "<dt>Meldt registrert</dt><dd>1</dd>", "<dt>Avvik</dt><dd>4</dd>")
	uten(t, s, ok, "Lise", hemmelig)
	nokkel := s.Skjult(t, "nokkel")

	// Nothing given, in each way: the page says what is missing.
	n.Post(t, sti, "maate", "valgte", "nokkel", nokkel).Er(t, 422, "Kryss av for minst én melding", `href="#avvik-0"`, `id="avvik-feil"`)
	n.Post(t, sti, "maate", "liste", "nokkel", nokkel, "liste", " \n").Er(t, 422, "Lim inn minst én referanse", `href="#liste"`)
	lastOpp(t, n, sti, nokkel, "ider.txt", "\ufeff\r\n").Er(t, 422, "Velg en fil med minst én referanse", `href="#fil"`)
	n.Post(t, sti, "maate", "liste", "nokkel", nokkel, "liste", `["`+a).Er(t, 422, "Listen kan ikke leses", "[&#34;"+a)
	n.Post(t, sti, "maate", "liste", "nokkel", nokkel, "liste", ",;").Er(t, 422, "Listen kan ikke leses")
	lastOpp(t, n, sti, nokkel, "ider.json", `{"navn": [1]}`).Er(t, 422, "Listen kan ikke leses")
	n.Post(t, sti, "maate", "liste", "nokkel", nokkel, "liste", strings.Repeat(uuid.NewString()+"\n", 1001)).Er(t, 422, "flere enn 1000 referanser")
	lastOpp(t, n, sti, nokkel, "ider.txt", strings.Repeat("x", 1<<20+1)).Er(t, 422, "større enn 1 MB")
	lastOpp(t, n, sti, nokkel, "ider.txt", strings.Repeat("x", 2<<20)).Er(t, 422, "større enn 1 MB")
	n.Get(t, sti).Er(t, 200, "<dt>Avvik</dt><dd>4</dd>")

	// By tick: sent twice it is the same receipt; told anew it is told before.
	svar := n.Post(t, sti, "maate", "valgte", "nokkel", nokkel, "id", a)
	kvittert(t, n, svar, "1", "0", "0", "3")
	n.Post(t, sti, "maate", "valgte", "nokkel", nokkel, "id", a).Til(t, svar.Header.Get("Location"))
	kvittert(t, n, n.Post(t, sti, "maate", "valgte", "nokkel", n.Get(t, sti).Skjult(t, "nokkel"), "id", a), "0", "1", "0", "3")
	// The same form with another tick, as when one has gone back, is another one.
	kvittert(t, n, n.Post(t, sti, "maate", "valgte", "nokkel", nokkel, "id", b), "1", "0", "0", "2")

	// By file, by paste, in the ways that lists are written.
	ukjent := uuid.NewString()
	s = kvittert(t, n, lastOpp(t, n, sti, uuid.NewString(), "ider.csv", "\ufeff\""+strings.ToUpper(c)+"\";tull og <b>tøys</b>\r\n"+b+"\r\n"+ukjent+"\r\n"), "1", "1", "4", "1")
	uten(t, s, "tull", "tøys", "(ugyldig id)")
	s.Er(t, 200, "<code>"+ukjent+"</code>", "3 av dem er ikke referanser")
	kvittert(t, n, n.Post(t, sti, "maate", "liste", "nokkel", uuid.NewString(), "liste", `{"ider": ["`+d+`"]}`), "1", "0", "0", "0")
	n.Get(t, sti).Er(t, 200, "Alt som er levert, er meldt registrert", "<dt>Meldt registrert</dt><dd>5</dd>")
	kvittert(t, n, lastOpp(t, n, sti, uuid.NewString(), "ider.json", `["`+d+`"]`), "0", "1", "0", "0")

	// The receipt is its person's, and its office's.
	h.Som(t, ola).Get(t, svar.Header.Get("Location")).Er(t, 404)
	got := revidert(t, h, kari, h.Bydel(t, portaltest.BydelV2).RessursID)
	if len(got) != 6 || got[0] != "AVSTEMT" {
		t.Errorf("audited %v", got)
	}
}

// What came as a letter and was lost comes back to the inbox; only who has it in the
// fagsystem closes the gap.
func TestLeverPaaNytt(t *testing.T) {
	t.Parallel()
	h, k := hus(t)
	sti := sentrum(t, h)
	id, annen := hull(t, h, k), hull(t, h, k)
	h.Frem(t, 49*time.Hour)
	n := h.Som(t, kari)
	lever := sti + "/avvik/" + id
	n.Get(t, sti).Er(t, 200, "levert for 2 dager siden", `href="`+lever+`/lever"`)
	n.Get(t, lever+"/paa-vei").Til(t, sti)
	n.Get(t, lever+"/lever").Er(t, 200, "Se først etter om den ligger i fagsystemet", "Avviket står åpent til")
	for range 2 {
		n.Post(t, lever+"/lever").Til(t, lever+"/paa-vei")
	}
	n.Get(t, lever+"/paa-vei").Er(t, 200, "Den er på vei på nytt", "Avviket står åpent til")
	n.Get(t, lever+"/lever").Til(t, lever+"/paa-vei")
	portaltest.Must(t, h.Jobs.RunDue(t.Context()))
	uten(t, n.Get(t, "/mottak").Er(t, 200, id, "Levert på nytt"), annen, "Advarsel") // it has waited here for no time
	n.Get(t, "/mottak/meldinger/"+id).Er(t, 200, "Lagt her på nytt, etter et avvik", "Slik gjør du")
	n.Get(t, "/mottak/meldinger/"+id+"/pdf").Er(t, 200)
	n.Get(t, sti).Er(t, 200, id, annen, "Leveres på nytt nå", "Levert for 2 dager siden, men ikke registrert.", "<dt>Avvik</dt><dd>2</dd>")

	// By letter once more, with a receipt: the gap is still there.
	n.Post(t, "/mottak/meldinger/"+id+"/brev").Er(t, 303)
	portaltest.Must(t, h.Jobs.RunDue(t.Context()))
	h.BrevSendt(t, k)
	uten(t, n.Get(t, sti).Er(t, 200, id, "<dt>Avvik</dt><dd>2</dd>"), "Leveres på nytt nå")
	n.Post(t, lever+"/lever").Til(t, lever+"/paa-vei")
	portaltest.Must(t, h.Jobs.RunDue(t.Context()))
	// Whoever confirms by hand says that it is in the fagsystem, which closes it.
	n.Post(t, "/mottak/meldinger/"+id+"/bekreft", "lagret", "ja").Er(t, 303)
	uten(t, n.Get(t, sti).Er(t, 200, annen, "<dt>Avvik</dt><dd>1</dd>"), id)
	n.Get(t, lever+"/lever").Er(t, 404)
	n.Post(t, lever+"/lever").Er(t, 404)
	// And what is registered while it comes once more does not wait any more.
	n.Post(t, sti+"/avvik/"+annen+"/lever").Er(t, 303)
	portaltest.Must(t, h.Jobs.RunDue(t.Context()))
	n.Get(t, "/mottak").Er(t, 200, annen)
	kvittert(t, n, n.Post(t, sti, "maate", "valgte", "nokkel", "x", "id", annen), "1", "0", "0", "0")
	n.Get(t, "/mottak").Er(t, 200, "Ingenting venter på deg")
	n.Get(t, "/mottak/hentet").Er(t, 200, annen, "Meldt registrert")
	tilstander(t, h, id, brev+" LEVERT")
	vilRevidert(t, h, kari, id, "SENDT_TIL_PRINT", "LEVERES_PAA_NYTT", "LASTET_NED", "SENDT_TIL_PRINT", "LEVERES_PAA_NYTT", "BEKREFTET")
}

// Whoever has more than one office sees how each stands, and the ids of one are unknown
// to the other.
func TestFlereKontorer(t *testing.T) {
	t.Parallel()
	h, k := hus(t)
	h.Mottaker(t, portaltest.BydelV1, kari)
	id := hull(t, h, k)
	n, nord := h.Som(t, kari), "/mottak/avstemming/"+h.Bydel(t, portaltest.BydelV1).RessursID
	s := n.Get(t, "/mottak/avstemming").Er(t, 200, "Sentrum (9901-01)", "Nord (9901-02)", "1 åpne", "Ingen", `href="`+nord+`"`, "Bekymringsmeldinger")
	if strings.Index(s.HTML, "Sentrum (") > strings.Index(s.HTML, "Nord (") {
		t.Error("not by number")
	}
	kvittert(t, n, n.Post(t, nord, "maate", "liste", "nokkel", "x", "liste", id), "0", "0", "1", "0")
	n.Post(t, nord+"/avvik/"+id+"/lever").Er(t, 404)
	svar := n.Post(t, sentrum(t, h), "maate", "liste", "nokkel", "x", "liste", "ikke-en-id "+id)
	kvittert(t, n, svar, "1", "0", "1", "0")
	n.Get(t, strings.Replace(svar.Header.Get("Location"), sentrum(t, h), nord, 1)).Er(t, 404)
}

// Ticks and lists survive a login that has run out.
func TestAvstemmingUtlopt(t *testing.T) {
	t.Parallel()
	h, k := hus(t)
	id := hull(t, h, k)
	sti := sentrum(t, h)
	for _, x := range []struct{ felt, verdi, maate, vises string }{{"id", id, "valgte", `value="` + id + `" checked`}, {"liste", "a\nb", "liste", ">a\nb</textarea>"}} {
		n := h.Som(t, kari)
		n.Get(t, sti).Er(t, 200)
		h.Klokke.Sett(h.Klokke.Now().Add(31 * time.Minute))
		n.Be(t, "POST", sti, url.Values{x.felt: {x.verdi}, "maate": {x.maate}, "nokkel": {"x"}}).Til(t, "/logg-inn?til="+sti)
		n.LoggInn(t, kari, 4, sti)
		n.Get(t, sti).Er(t, 200, x.vises)
	}
}
