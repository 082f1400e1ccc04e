package sandbox_test

import (
	"encoding/pem"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"
)

var koder = regexp.MustCompile(`(?s)<pre class="p-kode" tabindex="0"><code>(.*?)</code></pre>`)

// The developers' pages do what they say: a token that the APIs take, keys that
// can be read, faults that strike, a clock that goes, messages that are seen.
func TestUtviklersider(t *testing.T) {
	t.Parallel()
	k := start(t, t.TempDir())
	defer k.stopp()
	side := func(status int, sti string, felt url.Values) string {
		t.Helper()
		var res *http.Response
		var err error
		if felt == nil {
			res, err = http.Get(k.b.BaseURL + sti)
		} else {
			res, err = http.PostForm(k.b.BaseURL+sti, felt)
		}
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = res.Body.Close() }()
		b, err := io.ReadAll(res.Body)
		if err != nil || res.StatusCode != status {
			t.Fatalf("%s: %d %v\n%s", sti, res.StatusCode, err, b)
		}
		return string(b)
	}
	kode := func(html string, nr int) string {
		t.Helper()
		m := koder.FindAllStringSubmatch(html, -1)
		if len(m) <= nr {
			t.Fatalf("%d pieces of code:\n%s", len(m), html)
		}
		return strings.NewReplacer("&#34;", `"`, "&#39;", "'", "&#43;", "+", "&amp;", "&").Replace(m[nr][1])
	}
	html := side(200, "/utvikler", nil)
	for _, ko := range k.b.Kommuner {
		for _, s := range []string{ko.Navn, ko.FiksOrgID, ko.Fagsystem.IntegrasjonID, ko.Fagsystem.PrivateKey} {
			if !strings.Contains(html, s) {
				t.Errorf("%q is not on the overview", s)
			}
		}
	}
	// Tokens: of an organisation and of a person, as the APIs take them.
	orgnr, pid := k.b.NAV.Organisasjonsnummer, k.b.Personer[0].Fnr
	side(422, "/utvikler/token", url.Values{"orgnr": {orgnr}, "scope": {""}})
	html = side(200, "/utvikler/token", url.Values{"orgnr": {orgnr}, "pid": {"ingen"}, "scope": {"ks:fiks"}})
	if !strings.Contains(kode(html, 1), `"scope": "ks:fiks"`) {
		t.Error(kode(html, 1))
	}
	spor := func(token string) int {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, k.b.BaseURL+"/digisos/api/v1/nav/kommuner", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+token)
		r.Header.Set("IntegrasjonId", k.b.NAV.IntegrasjonID)
		r.Header.Set("IntegrasjonPassord", k.b.NAV.IntegrasjonPassord)
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		return res.StatusCode
	}
	token := kode(html, 0)
	if got := spor(token); got != 200 {
		t.Errorf("the token gives %d", got)
	}
	if html = side(200, "/utvikler/token", url.Values{"orgnr": {orgnr}, "pid": {pid}, "scope": {"ks:fiks"}}); !strings.Contains(kode(html, 1), `"pid": "`+pid+`"`) {
		t.Error(kode(html, 1))
	}
	// Keys.
	html = side(200, "/utvikler/nokler", url.Values{})
	for i, typ := range []string{"CERTIFICATE", "PRIVATE KEY"} {
		if b, _ := pem.Decode([]byte(kode(html, i))); b == nil || b.Type != typ {
			t.Errorf("no %s: %s", typ, kode(html, i))
		}
	}
	// Faults.
	side(422, "/utvikler/feil", url.Values{"sti": {"("}, "virkning": {"status"}})
	side(422, "/utvikler/feil", url.Values{"sti": {"^/digisos/"}, "virkning": {"status"}, "prosent": {"101"}})
	side(200, "/utvikler/feil", url.Values{"sti": {"^/digisos/"}, "virkning": {"status"}, "statuskode": {"418"}})
	if got := spor(token); got != 418 {
		t.Errorf("with a fault in force: %d", got)
	}
	side(200, "/utvikler/feil", url.Values{"handling": {"fjern"}})
	if got := spor(token); got != 200 {
		t.Errorf("with the fault removed: %d", got)
	}
	// The clock.
	side(400, "/utvikler/klokke", url.Values{"frem": {"aar"}})
	foer := time.Now()
	html = side(200, "/utvikler/klokke", url.Values{"frem": {"uke"}})
	m := regexp.MustCompile(`<strong><time datetime="([^"]+)"`).FindStringSubmatch(html)
	if m == nil {
		t.Fatal(html)
	}
	if naa, err := time.Parse(time.RFC3339, m[1]); err != nil || naa.Sub(foer) < 7*24*time.Hour-time.Second {
		t.Errorf("the clock is %s: %v", m[1], err)
	}
	if html = side(200, "/utvikler/meldinger", nil); !strings.Contains(html, "Ingen meldinger ennå") {
		t.Error(html)
	}
	side(404, "/utvikler/finnes/ikke", nil)
}
