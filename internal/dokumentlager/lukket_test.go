package dokumentlager

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"knutepunkt/internal/auth"
	"knutepunkt/internal/store"
)

// What a service keeps in a konto of its own (the files of a søknad that is not
// delivered yet, say) cannot be listed, shortened or deleted past the service,
// not even by the administrator of the organisation.
func TestTjenestensEgenKonto(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	admin := auth.Caller{Slag: auth.Person, Fnr: "03870311111", Niva: 4}
	var id string
	o, err := h.s.Motta(t.Context(), strings.NewReader("søknad"), false)
	if err != nil {
		t.Fatal(err)
	}
	korr := uuid.NewString()
	err = h.DB.Write(t.Context(), func(tx *store.Tx) error {
		k, err := h.s.OpprettKonto(t.Context(), tx, Konto{FiksOrgID: h.konto.FiksOrgID, Navn: "Fiks Digisos", Tjenestens: true})
		if err != nil {
			return err
		}
		h.konto = k
		m, err := h.s.Lagre(t.Context(), tx, o, Metadata{KontoID: k.ID, Dokumentnavn: "Lønn Kari.pdf", Mimetype: "application/pdf", Sikkerhetsniva: 4, Korrelasjonsid: korr})
		if err != nil {
			return err
		}
		id = m.ID
		return h.org.GiTilgang(t.Context(), tx, auth.Caller{}, admin.Fnr, auth.Admin, k.FiksOrgID)
	})
	if err != nil {
		t.Fatal(err)
	}
	body, ct := skjema(t, metadata(t, nil), krypter(t, []byte("x")))
	for _, c := range []struct{ metode, sti, kropp, ct string }{
		{"POST", h.dokumenter() + "?kryptert=true", body.String(), ct},
		{"GET", h.dokumenter() + "/" + id, "", ""},
		{"PATCH", h.dokumenter() + "/" + id, `{"ttl":1}`, "application/json"},
		{"DELETE", h.dokumenter() + "/" + id, "", ""},
		{"POST", h.dokumenter() + "/sok", `{}`, "application/json"},
		{"DELETE", "/dokumentlager/api/v1/" + h.konto.FiksOrgID + "/kontoer/" + h.konto.ID + "/korrelasjonsid/" + korr, "", ""},
	} {
		if w := h.kall(t, admin, c.metode, c.sti, strings.NewReader(c.kropp), c.ct); w.Code != http.StatusForbidden || strings.Contains(w.Body.String(), "Kari") {
			t.Errorf("%s %s: %d %s", c.metode, c.sti, w.Code, w.Body)
		}
	}
	h.Frem(t, time.Hour)
	if m, err := h.s.Metadata(t.Context(), id); err != nil || !m.Slettet.IsZero() {
		t.Errorf("the document is %+v, %v", m, err)
	}
}

// A korrelasjonsid is found however its letters are written.
func TestKorrelasjonsidStoreBokstaver(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	korr := "ABCDEF01-0000-4000-8000-00000000ABCD"
	h.lastOpp(t, []byte("x"), func(m map[string]any) { m["korrelasjonsid"] = korr })
	for _, k := range []string{korr, strings.ToLower(korr)} {
		w := h.kall(t, h.eier, "POST", h.dokumenter()+"/sok", strings.NewReader(`{"korrelasjonsid":"`+k+`"}`), "application/json")
		if !strings.Contains(w.Body.String(), `"totaltAntallTreff":1`) {
			t.Errorf("searching %s: %d %s", k, w.Code, w.Body)
		}
	}
	if w := h.kall(t, h.eier, "DELETE", strings.TrimSuffix(h.dokumenter(), "dokumenter")+"korrelasjonsid/"+korr, nil, ""); w.Code != http.StatusOK {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	w := h.kall(t, h.eier, "POST", h.dokumenter()+"/sok", strings.NewReader(`{"slettet":false}`), "application/json")
	if !strings.Contains(w.Body.String(), `"totaltAntallTreff":0`) {
		t.Errorf("after the deletion: %s", w.Body)
	}
}
