package sandbox_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"knutepunkt/client"
)

// feil makes a fault and gives its id; all former ones are cleared.
func (k *kasse) feil(t *testing.T, feil ...string) (ids []string) {
	t.Helper()
	if status, svar := k.kall(t, k.client, "DELETE", "/sandbox/faults", ""); status != 204 || svar != "" {
		t.Fatal(status, svar)
	}
	for _, f := range feil {
		status, svar := k.kall(t, k.client, "POST", "/sandbox/faults", f)
		var s struct{ ID string }
		if err := json.Unmarshal([]byte(svar), &s); err != nil || status != 201 || s.ID == "" {
			t.Fatal(status, svar)
		}
		ids = append(ids, s.ID)
	}
	return ids
}

// slag is how often each fault has struck, in order.
func (k *kasse) slag(t *testing.T) (n []int) {
	t.Helper()
	status, svar := k.kall(t, k.client, "GET", "/sandbox/faults", "")
	var alle []struct{ Struck int }
	if err := json.Unmarshal([]byte(svar), &alle); err != nil || status != 200 {
		t.Fatal(status, svar)
	}
	for _, f := range alle {
		n = append(n, f.Struck)
	}
	return n
}

func TestFaults(t *testing.T) {
	t.Parallel()
	k := start(t, t.TempDir())
	nav := k.klient(t, k.b.NAV)
	ctx := t.Context()
	fnr, annen := k.b.Personer[0].Fnr, k.b.Personer[1].Fnr
	saker := func(fnr string) int {
		t.Helper()
		alle, err := k.borger(t, fnr).Soknader(ctx)
		if err != nil {
			t.Fatal(err)
		}
		return len(alle)
	}
	kommuner := func() error { _, err := nav.Kommuner(ctx); return err }

	// status: nothing is done, and the body is the APIs'.
	k.feil(t, `{"path": "^/digisos/api/v1/nav/", "effect": "status", "status": 503, "count": 2}`)
	for i, want := range []int{503, 503, 0} {
		if got := client.Status(kommuner()); got != want {
			t.Errorf("call %d: %d, want %d", i, got, want)
		}
	}
	if d := cmp.Diff([]int{2}, k.slag(t)); d != "" {
		t.Error(d)
	}

	// reject-token
	k.feil(t, `{"method": "GET", "effect": "reject-token"}`)
	if got := client.Status(kommuner()); got != 401 {
		t.Error(got)
	}

	k.feil(t, `{"path": "^/sandbox/token/", "effect": "status", "status": 500}`)
	if status, _ := k.kall(t, k.client, "GET", "/sandbox/token/maskinporten?orgno=310000108", ""); status != 500 {
		t.Error(status)
	}

	// path, method and konto must all match.
	konto, annenKonto := k.b.Kommuner[0].Fagsystem.FiksIOKontoID, k.b.Kommuner[3].Fagsystem.FiksIOKontoID
	k.feil(t, fmt.Sprintf(`{"konto": %q, "effect": "status", "status": 500}`, konto), `{"method": "PATCH", "effect": "status"}`)
	if _, err := nav.OffentligNokkel(ctx, konto); client.Status(err) != 500 {
		t.Error(err)
	}
	if _, err := nav.OffentligNokkel(ctx, annenKonto); err != nil {
		t.Error(err)
	}
	if status, svar := k.kall(t, &http.Client{}, "POST", "/fiks-io/api/v1/send", `{"mottakerKontoId": "`+konto+`"}`); status != 500 {
		t.Error("a konto in the body:", status, svar)
	}
	if d := cmp.Diff([]int{2, 0}, k.slag(t)); d != "" {
		t.Error(d)
	}

	// fnr: the citizen's token, and sokerFnr in the query.
	k.feil(t, fmt.Sprintf(`{"fnr": %q, "effect": "status", "status": 502, "path": "^/digisos/"}`, fnr))
	if _, err := k.borger(t, fnr).Soknader(ctx); client.Status(err) != 502 {
		t.Error(err)
	}
	if _, err := k.borger(t, annen).Soknader(ctx); err != nil {
		t.Error(err)
	}
	ko := k.kommune(t, "9901")
	if _, err := k.klient(t, ko.Fagsystem.Integrasjon).NySak(ctx, ko.FiksOrgID, fnr); client.Status(err) != 502 {
		t.Error(err)
	}

	// delay: done, and later.
	k.feil(t, `{"path": "kommuner", "effect": "delay", "ms": 60}`, `{"path": "kommuner", "effect": "delay", "ms": 60}`)
	begynte := time.Now()
	if err := kommuner(); err != nil || time.Since(begynte) < 120*time.Millisecond {
		t.Error(err, time.Since(begynte))
	}

	// hang: no answer; bounded by ms, or by the caller's patience.
	k.feil(t, `{"path": "kommuner", "effect": "hang", "ms": 50}`)
	if err := kommuner(); err == nil || client.Status(err) != 0 {
		t.Error(err)
	}
	k.feil(t, `{"path": "kommuner", "effect": "hang"}`)
	utaalmodig := &http.Client{Timeout: 100 * time.Millisecond}
	if _, _, err := k.prov(t, utaalmodig, "GET", "/digisos/api/v1/nav/kommuner", ""); err == nil {
		t.Error("an answer to a call that hangs")
	}

	// drop: the work is done and nobody is told; sent again, the id is told.
	k.feil(t, `{"path": "^/digisos/api/v2/soknader/", "effect": "drop", "count": 1}`)
	if _, err := k.send(t, fnr, "9901", "drop-1"); err == nil || client.Status(err) != 0 {
		t.Error("an answer came through:", err)
	}
	if n := saker(fnr); n != 1 {
		t.Errorf("%d cases", n)
	}
	if _, err := k.send(t, fnr, "9901", "drop-1"); client.Status(err) != 400 || !strings.Contains(err.Error(), "finnes allerede") {
		t.Error(err)
	}

	// duplicate: handled twice, the first answer is given, and there is one case.
	k.feil(t, `{"path": "^/digisos/api/v2/soknader/", "effect": "duplicate"}`)
	id, err := k.send(t, annen, "9901", "dobbel-1")
	if err != nil || len(id) != 36 {
		t.Error(id, err)
	}
	if n := saker(annen); n != 1 {
		t.Errorf("%d cases", n)
	}
	// Where nothing tells two calls apart, there are two of what they make.
	k.feil(t, `{"path": "/ny$", "effect": "duplicate"}`)
	if _, err := k.klient(t, ko.Fagsystem.Integrasjon).NySak(ctx, ko.FiksOrgID, k.b.Personer[2].Fnr); err != nil {
		t.Error(err)
	}
	if n := saker(k.b.Personer[2].Fnr); n != 2 {
		t.Errorf("%d cases, want the two of a call handled twice", n)
	}

	// The sandbox itself can always be set right.
	k.feil(t, `{"effect": "status", "status": 500}`)
	if status, _ := k.kall(t, &http.Client{}, "GET", "/readyz", ""); status != 200 {
		t.Error(status)
	}
	k.feil(t)
	if err := kommuner(); err != nil {
		t.Error(err)
	}
}

// With a seed a run can be repeated.
func TestFaultsRepeat(t *testing.T) {
	t.Parallel()
	k := start(t, t.TempDir())
	monster := func(seed int) (s string) {
		k.feil(t, fmt.Sprintf(`{"path": "^/healthy$", "probability": 0.5, "effect": "status", "status": 599, "seed": %d}`, seed))
		for range 40 {
			status, _ := k.kall(t, &http.Client{}, "GET", "/healthy", "")
			if status != 599 && status != 404 {
				t.Fatal(status)
			}
			s += map[bool]string{true: "x", false: "."}[status == 599]
		}
		return s
	}
	a, b, c := monster(7), monster(7), monster(8)
	if a != b || a == c || !strings.Contains(a, "x") || !strings.Contains(a, ".") {
		t.Errorf("%s\n%s\n%s", a, b, c)
	}
}

func TestFaultsRefuse(t *testing.T) {
	t.Parallel()
	k := start(t, t.TempDir())
	for body, hva := range map[string]string{
		`{}`:                                       "no effect",
		`{"effect": "explode"}`:                    "unknown effect",
		`{"effect": "status", "pth": "x"}`:         "a misspelt condition",
		`{"effect": "status", "path": "("}`:        "not a regexp",
		`{"effect": "status", "probability": 1.5}`: "probability",
		`{"effect": "status", "count": -1}`:        "count",
		`{"effect": "status", "status": 99}`:       "status",
		`{"effect": "delay"}`:                      "delay without ms",
		`{"effect": "delay", "ms": -5}`:            "ms",
		`[]`:                                       "not an object",
		`{"effect": "status"`:                      "not JSON",
	} {
		if status, svar := k.kall(t, &http.Client{}, "POST", "/sandbox/faults", body); status != 400 {
			t.Errorf("%s: %d %s", hva, status, svar)
		}
	}
	if n := k.slag(t); len(n) != 0 {
		t.Errorf("%d faults were made", len(n))
	}
}
