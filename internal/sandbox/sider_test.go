package sandbox_test

import (
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"
	"time"
)

// A person with a browser comes all the way: the start page, the sandbox's
// login at both levels, and the organisations that the administrator has, also
// after the platform's clock has been moved a week.
func TestSideneErDer(t *testing.T) {
	t.Parallel()
	k := start(t, t.TempDir())
	defer k.stopp()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	c := &http.Client{Jar: jar, Timeout: 20 * time.Second}
	side := func(res *http.Response, err error) (sti, html string) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = res.Body.Close() }()
		b, err := io.ReadAll(res.Body)
		if err != nil || res.StatusCode != http.StatusOK {
			t.Fatalf("%s: %d %v\n%s", res.Request.URL, res.StatusCode, err, b)
		}
		return res.Request.URL.Path, string(b)
	}
	var admin string
	for _, p := range k.b.Personer {
		if p.Roller[0] == "ADMINISTRATOR" {
			admin = p.Fnr
		}
	}
	loggInn := func(start, acr, til string) {
		t.Helper()
		res, err := c.Get(k.b.BaseURL + start)
		if err != nil {
			t.Fatal(err)
		}
		u := res.Request.URL
		if sti, _ := side(res, nil); sti != "/idporten/authorize" {
			t.Fatalf("login begins at %s", sti)
		}
		if sti, _ := side(c.PostForm(u.String(), url.Values{"pid": {admin}, "acr": {acr}})); sti != til {
			t.Fatalf("login leads to %s", sti)
		}
	}
	loggInn("/logg-inn/start?til=/forvaltning", "idporten-loa-substantial", "/forvaltning")
	integrasjoner := "/forvaltning/" + k.b.Kommuner[0].FiksOrgID + "/integrasjoner"
	if sti, _ := side(c.Get(k.b.BaseURL + integrasjoner)); sti != "/logg-inn" {
		t.Errorf("without step-up at %s", sti)
	}
	loggInn("/logg-inn/start?niva=4&til="+integrasjoner, "idporten-loa-high", integrasjoner)
	if _, err := c.Post(k.b.BaseURL+"/sandbox/clock", "application/json", strings.NewReader(`{"advance": "168h"}`)); err != nil {
		t.Fatal(err)
	}
	_, html := side(c.Get(k.b.BaseURL + "/forvaltning"))
	for _, kommune := range k.b.Kommuner {
		if !strings.Contains(html, kommune.Navn+" kommune") {
			t.Errorf("%s is not on the page", kommune.Navn)
		}
	}
	if !strings.Contains(html, "TESTMILJØ") {
		t.Error("no banner tells that this is a test environment")
	}
	if _, html := side(c.Get(k.b.BaseURL + integrasjoner)); !strings.Contains(html, "Fagsystem sosial i "+k.b.Kommuner[0].Navn) {
		t.Error(html)
	}
}
