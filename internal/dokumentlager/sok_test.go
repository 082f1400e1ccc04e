package dokumentlager

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"knutepunkt/internal/auth"
)

// sokOg searches and gives the total and the names, in order.
func (h *hus) sokOg(t *testing.T, query, kriterier string) (totalt int, navn []string) {
	t.Helper()
	w := h.kall(t, h.eier, "POST", h.dokumenter()+"/sok"+query, strings.NewReader(kriterier), "application/json")
	if w.Code != http.StatusOK {
		t.Fatalf("%s %s: %d %s", query, kriterier, w.Code, w.Body)
	}
	var svar struct {
		TotaltAntallTreff int
		Dokumenter        []struct{ Dokumentnavn string }
	}
	if err := json.Unmarshal(w.Body.Bytes(), &svar); err != nil {
		t.Fatal(err)
	}
	for _, d := range svar.Dokumenter {
		navn = append(navn, d.Dokumentnavn)
	}
	return svar.TotaltAntallTreff, navn
}

func TestSokOgSlettKorrelerte(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	en, to := uuid.NewString(), uuid.NewString()
	id := map[string]string{}
	start := h.Klokke.Now()
	for _, d := range []struct{ navn, korrelasjonsid string }{{"a", en}, {"b", to}, {"c", en}, {"d", ""}} {
		h.Klokke.Sett(h.Klokke.Now().Add(time.Minute))
		id[d.navn] = h.lastOpp(t, []byte("innhold"), func(m map[string]any) {
			m["dokumentnavn"] = d.navn
			if d.korrelasjonsid != "" {
				m["korrelasjonsid"] = d.korrelasjonsid
			}
		})
	}
	person := auth.Caller{Slag: auth.Person, Fnr: innbygger, Niva: 4}
	if w := h.kall(t, person, "GET", "/dokumentlager/nedlasting/"+id["b"], nil, ""); w.Code != http.StatusOK {
		t.Fatal(w.Code)
	}
	if w := h.kall(t, h.eier, "DELETE", h.dokumenter()+"/"+id["d"], nil, ""); w.Code != http.StatusOK {
		t.Fatal(w.Code)
	}
	tid := start.Add(3 * time.Minute).Format(time.RFC3339)
	for _, tt := range []struct {
		query, kriterier string
		totalt           int
		navn             []string
	}{
		{"", `{}`, 4, []string{"a", "b", "c", "d"}},
		{"?fra=null&til=null", `{"korrelasjonsid":"` + en + `"}`, 2, []string{"a", "c"}}, // as the Java client asks
		{"?fra=1&til=2", `{"dokumentnavn":null}`, 4, []string{"b", "c"}},
		{"?fra=9", `{}`, 4, nil},
		{"", `{"slettet":true}`, 1, []string{"d"}},
		{"", `{"slettet":false,"lest":false}`, 2, []string{"a", "c"}},
		{"", `{"lest":true}`, 1, []string{"b"}},
		{"", `{"fra":"` + tid + `"}`, 2, []string{"c", "d"}},
		{"", `{"til":"` + tid + `"}`, 2, []string{"a", "b"}},
		{"", `{"korrelasjonsid":"` + uuid.NewString() + `"}`, 0, nil},
	} {
		totalt, navn := h.sokOg(t, tt.query, tt.kriterier)
		if totalt != tt.totalt || !cmp.Equal(navn, tt.navn) {
			t.Errorf("%s %s: %d %v, want %d %v", tt.query, tt.kriterier, totalt, navn, tt.totalt, tt.navn)
		}
	}
	for _, tt := range []struct {
		query, kriterier string
		status           int
	}{{"?til=0", `{}`, 400}, {"?til=10001", `{}`, 400}, {"?fra=-1", `{}`, 400}, {"", `{`, 400}, {"", `{"dokumentnavn":"a"}`, 501}} {
		if w := h.kall(t, h.eier, "POST", h.dokumenter()+"/sok"+tt.query, strings.NewReader(tt.kriterier), "application/json"); w.Code != tt.status {
			t.Errorf("%s %s: %d, want %d", tt.query, tt.kriterier, w.Code, tt.status)
		}
	}

	slett := strings.TrimSuffix(h.dokumenter(), "dokumenter") + "korrelasjonsid/"
	for path, status := range map[string]int{slett + en: 200, slett + uuid.NewString(): 200, slett + "x": 400} {
		if w := h.kall(t, h.eier, "DELETE", path, nil, ""); w.Code != status {
			t.Errorf("DELETE %s: %d %s, want %d", path, w.Code, w.Body, status)
		}
	}
	for navn, status := range map[string]int{"a": 410, "b": 200, "c": 410, "d": 410} {
		if w := h.kall(t, person, "GET", "/dokumentlager/nedlasting/"+id[navn], nil, ""); w.Code != status {
			t.Errorf("%s after deletion: %d, want %d", navn, w.Code, status)
		}
	}
	if w := h.kall(t, h.eier, "GET", h.dokumenter()+"/"+id["c"], nil, ""); !strings.Contains(w.Body.String(), `"melding":"Slettet","aktor":"`+h.eier.IntegrasjonID) {
		t.Errorf("history: %s", w.Body)
	}
	fremmed := auth.Caller{Slag: auth.Integrasjon, IntegrasjonID: uuid.NewString()}
	if w := h.kall(t, fremmed, "DELETE", slett+to, nil, ""); w.Code != http.StatusForbidden {
		t.Errorf("a stranger's deletion: %d", w.Code)
	}
	if w := h.kall(t, fremmed, "POST", h.dokumenter()+"/sok", strings.NewReader("{}"), "application/json"); w.Code != http.StatusForbidden {
		t.Errorf("a stranger's search: %d", w.Code)
	}
}
