package print

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"knutepunkt/internal/feil"
)

const enJobb = "7d5c32a8-1c3e-4b1f-9d0a-2f1f6f0f6f11"

func TestLesKvittering(t *testing.T) {
	t.Parallel()
	hel := `{"jobbId":"` + enJobb + `","status":"LEVERT","tidspunkt":"2026-06-10T10:00:00+02:00","antallArk":4,"feilkode":null,"feilmelding":null,"porto":23.5}`
	kv, err := lesKvittering([]byte(hel))
	ark := 4
	want := Kvittering{JobbID: enJobb, Status: Levert, Tidspunkt: time.Date(2026, 6, 10, 8, 0, 0, 0, time.UTC), AntallArk: &ark, Porto: "23.5"}
	if err != nil || !cmp.Equal(want, kv) {
		t.Fatalf("%+v, %v", kv, err)
	}
	bytt := func(fra, til string) string {
		if !strings.Contains(hel, fra) {
			t.Fatalf("%q is not in the receipt", fra)
		}
		return strings.Replace(hel, fra, til, 1)
	}
	for navn, tekst := range map[string]string{
		"BOM":                 "\uFEFF" + hel,
		"bare det nødvendige": `{"jobbId":"` + enJobb + `","status":"AVVIST","tidspunkt":"2026-06-10T08:00:00.123456789Z"}`,
		"linjeskift sist":     hel + "\r\n",
	} {
		if _, err := lesKvittering([]byte(tekst)); err != nil {
			t.Errorf("%s: %v", navn, err)
		}
	}
	for navn, tekst := range map[string]string{
		"tom":                 "",
		"avkortet":            hel[:40],
		"to objekter":         hel + hel,
		"liste":               "[" + hel + "]",
		"ukjent felt":         bytt(`"porto"`, `"frakt"`),
		"annen status":        bytt("LEVERT", "Ola Nordmann"),
		"status i små":        bytt("LEVERT", "levert"),
		"uten tidspunkt":      bytt(`"2026-06-10T10:00:00+02:00"`, "null"),
		"tidspunkt uten sone": bytt("10:00:00+02:00", "10:00:00"),
		"år 1":                bytt("2026-", "0001-"),
		"store bokstaver":     bytt(enJobb, strings.ToUpper(enJobb)),
		"sti som id":          bytt(enJobb, "../../etc/passwd"),
		"negative ark":        bytt(`:4`, `:-4`),
		"halve ark":           bytt(`:4`, `:4.5`),
		"mange ark":           bytt(`:4`, `:100001`),
		"lang feilkode":       bytt(`"feilkode":null`, `"feilkode":"`+strings.Repeat("x", 101)+`"`),
		"lang feilmelding":    bytt(`"feilmelding":null`, `"feilmelding":"`+strings.Repeat("x", 4001)+`"`),
		"negativ porto":       bytt("23.5", "-23.5"),
		"porto i tusendeler":  bytt("23.5", "23.555"),
		"porto som potens":    bytt("23.5", "1e300"),
		"ikke UTF-8":          bytt(`"feilmelding":null`, "\"feilmelding\":\"\xff\""),
		"for stor":            hel + strings.Repeat(" ", maksKvittering),
	} {
		_, err := lesKvittering([]byte(tekst))
		if !feil.Er(err, feil.Ugyldig) {
			t.Errorf("%s: %v", navn, err)
		} else if strings.Contains(err.Error(), "Nordmann") || strings.Contains(err.Error(), "frakt") {
			t.Errorf("%s: the error tells what was sent: %v", navn, err)
		}
	}
}

// What is read is within bounds, and is the same when it is written and read again.
func FuzzLesKvittering(f *testing.F) {
	f.Add([]byte(`{"jobbId":"` + enJobb + `","status":"LEVERT","tidspunkt":"2026-06-10T10:00:00+02:00","antallArk":4,"porto":23.5}`))
	f.Add([]byte(`{"jobbId":"` + enJobb + `","status":"AVVIST","tidspunkt":"2026-06-10T08:00:00Z","feilkode":"E1","feilmelding":"x","porto":null}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		kv, err := lesKvittering(b)
		if err != nil {
			if !feil.Er(err, feil.Ugyldig) {
				t.Fatalf("nameless error %v", err)
			}
			return
		}
		if len(loggtekst(kv)) > 4*(maksFeilmelding+maksFeilkode)+200 {
			t.Fatalf("a log line of %d bytes", len(loggtekst(kv)))
		}
		igjen, err := json.Marshal(kv)
		if err != nil {
			t.Fatal(err)
		}
		if len(igjen) > maksKvittering {
			return // escapes can make it longer than what may be read
		}
		kv2, err := lesKvittering(igjen)
		if err != nil || !cmp.Equal(kv, kv2) {
			t.Fatalf("%s\nread again: %+v, %v", igjen, kv2, err)
		}
	})
}

// What lies in the folder of receipts beside receipts.
func TestInnboks(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	h.opprett(t)
	h.kjor(t)
	j := h.hentEn(t).JobbID
	h.leggInn(t, "les-meg.txt", []byte("hei"))
	h.leggInn(t, j+".1.json.tmp", []byte("halv"))
	h.leggInn(t, "Ola Nordmann.json", []byte("{}"))
	// A receipt that is still being written at the first look is not lost at the second.
	hel, err := json.Marshal(h.kvittering(j, Levert))
	if err != nil {
		t.Fatal(err)
	}
	h.leggInn(t, j+".2.json", hel[:20])
	h.fram(t, time.Minute)
	if h.siste(t).Tilstand != Hentet {
		t.Fatalf("half a receipt made the job %s", h.siste(t).Tilstand)
	}
	h.leggInn(t, j+".2.json", hel)
	h.fram(t, time.Minute)
	if h.siste(t).Tilstand != Levert {
		t.Errorf("the whole receipt made the job %s", h.siste(t).Tilstand)
	}
	want := []string{"inn/" + j + ".1.json.tmp", "inn/feil/Ola Nordmann.json", "inn/les-meg.txt"}
	if d := cmp.Diff(want, h.filer(t)); d != "" {
		t.Errorf("want -, got +:\n%s", d)
	}
	if n := len(h.epost(t)); n != 1 {
		t.Errorf("%d e-mails: %v", n, h.epost(t))
	}
	if strings.Contains(h.linjer.String(), "Nordmann") {
		t.Error("the log tells the name of a file")
	}
}

// A broken receipt that cannot be moved is told of once, and holds up no other.
func TestUlestSomIkkeKanFlyttes(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	h.opprett(t)
	h.opprett(t)
	h.kjor(t)
	jobber := h.hentJobber(t)
	h.leggInn(t, "Ola Nordmann.json", []byte("{"))
	h.transport.foer = func(op, navn string) error {
		if op == "flytt" && strings.Contains(navn, "feil/") {
			return &os.LinkError{Op: "rename", Old: "inn/Ola Nordmann.json", New: navn, Err: os.ErrPermission}
		}
		return nil
	}
	h.fram(t, 10*time.Minute)
	h.svar(t, h.kvittering(jobber[0].JobbID, Levert), 1)
	h.fram(t, 10*time.Minute)
	if n := len(h.epost(t)); n != 1 {
		t.Errorf("%d e-mails: %v", n, h.epost(t))
	}
	if j, err := h.Jobb(t.Context(), jobber[0].JobbID); err != nil || j.Tilstand != Levert {
		t.Errorf("the receipt behind it: %s, %v", j.Tilstand, err)
	}
	h.transport.foer = nil
	h.fram(t, 10*time.Minute)
	if f := h.filer(t); !cmp.Equal(f, []string{"inn/feil/Ola Nordmann.json"}) {
		t.Errorf("files %v", f)
	}
	if strings.Contains(h.linjer.String(), "Nordmann") {
		t.Error("the log tells the name of a file")
	}
}

// Receipts are taken in the order of their numbers, many at a time, and all of them.
func TestMangeKvitteringer(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	h.opprett(t)
	h.kjor(t)
	j := h.hentEn(t).JobbID
	for i := range maksKvitteringer + 20 {
		h.leggInn(t, fmt.Sprintf("%s.%d.json", j, i), []byte(`{"jobbId":"`+j+`","status":"AVVIST","tidspunkt":"2026-06-10T08:00:00Z"}`))
	}
	h.fram(t, 5*time.Minute)
	filer, err := os.ReadDir(filepath.Join(h.mappe, "inn"))
	if err != nil || len(filer) != 0 {
		t.Errorf("%d receipts are left (%v)", len(filer), err)
	}
	if len(h.logg) != 1 {
		t.Errorf("%d lines for one refusal", len(h.logg))
	}
}
