package mottak_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"knutepunkt/internal/audit"
	"knutepunkt/internal/auth"
	"knutepunkt/internal/bekymringsmelding"
	"knutepunkt/internal/klokke"
	"knutepunkt/internal/portal/portaltest"
	"knutepunkt/internal/svarut/print"
)

// The people of these tests: two who receive for Sentrum, one for Nord, and one who
// administers it all and receives for none.
const (
	kari  = portaltest.Admin2
	ola   = portaltest.Innbyg
	nora  = portaltest.Alene
	leder = portaltest.Admin
)

const hemmelig = "Kjenneord som bare mottakeren skal lese"

// hus is the house with two offices, a print supplier, and people who receive.
func hus(t *testing.T) (*portaltest.Hus, *print.Kanal) {
	t.Helper()
	return mobler(t, portaltest.NyttHus(t))
}

func mobler(t *testing.T, h *portaltest.Hus) (*portaltest.Hus, *print.Kanal) {
	t.Helper()
	h.Bydeler(t)
	k := h.Trykkeri(t)
	h.Mottaker(t, portaltest.BydelV2, kari, ola)
	h.Mottaker(t, portaltest.BydelV1, nora)
	return h, k
}

// hull makes a gap: a report that came as a letter, and is not registered.
func hull(t *testing.T, h *portaltest.Hus, k *print.Kanal) string {
	t.Helper()
	id := h.Bekymring(t, portaltest.BydelV2, hemmelig)
	portaltest.Must(t, h.Bek.SendTilPrint(t.Context(), auth.Caller{Slag: auth.Person, Fnr: kari, Niva: 4}, id))
	portaltest.Must(t, h.Jobs.RunDue(t.Context()))
	h.BrevSendt(t, k)
	return id
}

func sentrum(t *testing.T, h *portaltest.Hus) string {
	t.Helper()
	return "/mottak/avstemming/" + h.Bydel(t, portaltest.BydelV2).RessursID
}

// tilstander are the states of a report as its sender sees them.
func tilstander(t *testing.T, h *portaltest.Hus, id, want string) {
	t.Helper()
	k, err := h.Bek.Kvittering(t.Context(), id)
	portaltest.Must(t, err)
	var ut []string
	for _, x := range k.Hendelser {
		ut = append(ut, string(x.Tilstand))
	}
	if got := strings.Join(ut, " "); got != want {
		t.Errorf("states %s, want %s", got, want)
	}
}

const levert, brev = "AKSEPTERT SENDT_FAGSYSTEM LEVERT", "AKSEPTERT SENDT_FAGSYSTEM SENDT_PRINT"

// revidert lists what somebody has done with something, in order.
func revidert(t *testing.T, h *portaltest.Hus, fnr, underressurs string) (ut []string) {
	t.Helper()
	alle, err := h.Rev.List(t.Context(), audit.Filter{FiksOrg: portaltest.OrgTest, Antall: 1000})
	portaltest.Must(t, err)
	for _, e := range alle {
		if e.Principal.Fnr == fnr && e.Underressurs == underressurs {
			ut = append(ut, strings.TrimPrefix(e.Handling, "BEKYMRINGSMELDING_"))
		}
	}
	return ut
}

func vilRevidert(t *testing.T, h *portaltest.Hus, fnr, underressurs string, want ...string) {
	t.Helper()
	if got := revidert(t, h, fnr, underressurs); !slices.Equal(got, want) {
		t.Errorf("audited %v, want %v", got, want)
	}
}

func uten(t *testing.T, s portaltest.SvarSide, tekster ...string) {
	t.Helper()
	for _, x := range tekster {
		if strings.Contains(s.HTML, x) {
			t.Errorf("%q is on the page", x)
		}
	}
}

// bytt lets Sentrum receive by another channel from now on.
func bytt(t *testing.T, h *portaltest.Hus, kanal bekymringsmelding.Kanal, fagsystem string) {
	t.Helper()
	b := h.Bydel(t, portaltest.BydelV2)
	_, err := h.Bek.EndreBydelKonto(auth.With(t.Context(), auth.Caller{Slag: auth.Person, Fnr: leder, Niva: 4}), portaltest.OrgTest, b.RessursID, b.Versjon,
		bekymringsmelding.Mottakskonto{Kanal: kanal, Fagsystem: fagsystem, VarselEposter: []string{"varsel@testby.test"}})
	portaltest.Must(t, err)
}

// til moves the clock to a time in Oslo.
func til(t *testing.T, h *portaltest.Hus, s string) {
	t.Helper()
	v, err := time.ParseInLocation("2006-01-02T15:04", s, klokke.Sone())
	portaltest.Must(t, err)
	h.Frem(t, v.Sub(h.Klokke.Now()))
}

var kode = regexp.MustCompile(`<code>[0-9a-f-]{36}</code>`)
