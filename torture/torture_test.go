package main

import (
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A short run of the program: five kills under load.
func TestTortur(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("kills a running platform five times")
	}
	brudd, err := kjor(t.Context(), oppsett{runder: 5, sendere: 4, fro: 1, dir: t.TempDir(), ut: t.Output()})
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range brudd {
		t.Error(b)
	}
}

// The judge must be able to see: each form of a text is found wherever it lies.
func TestSokFinner(t *testing.T) {
	t.Parallel()
	const tekst = "KPÆRLIG3X7-14 Åse"
	s := &hoystakk{}
	s.leggTil("it", tekst)
	le, be := utf16Bytes(tekst)
	former := map[string]string{"utf-8": tekst, "utf-16le": string(le), "utf-16be": string(be)}
	for n := range 3 {
		former[fmt.Sprintf("base64 %d", n)] = base64.StdEncoding.EncodeToString([]byte(strings.Repeat("x", n) + tekst + "yy"))
		former[fmt.Sprintf("base64url %d", n)] = base64.RawURLEncoding.EncodeToString([]byte(strings.Repeat("x", n) + tekst + "yy"))
	}
	for navn, form := range former {
		// In the middle, at the very end, and over the border of two chunks.
		for _, foran := range []int{0, 1000, 4<<20 - len(form)/2, 4<<20 - 1, 4 << 20, 8<<20 - 3} {
			for _, bak := range []int{0, 5000} {
				dir := t.TempDir()
				fil := filepath.Join(dir, "f")
				if err := os.WriteFile(fil, []byte(strings.Repeat("K", foran)+form+strings.Repeat("\x00", bak)), 0o600); err != nil {
					t.Fatal(err)
				}
				funnet, _, _, err := s.mappe(dir, func(string) bool { return false })
				if err != nil {
					t.Fatal(err)
				}
				if len(funnet) == 0 {
					t.Errorf("%s behind %d bytes and before %d was not found", navn, foran, bak)
				}
			}
		}
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, tekst), []byte("nothing"), 0o600); err != nil {
		t.Fatal(err)
	}
	if funnet, _, _, err := s.mappe(dir, func(string) bool { return false }); err != nil || len(funnet) != 1 {
		t.Errorf("a file's name: %v, %v", funnet, err)
	}
}

// And it must see what it is there to see.
func TestDommerSer(t *testing.T) {
	t.Parallel()
	ny := func(h *historie, ref string) *innsending {
		i := &innsending{ref: ref}
		h.registrer(i)
		return i
	}
	for navn, tt := range map[string]struct {
		gjor func(h *historie)
		vil  string // part of the one violation; "" = none
	}{
		"all is well": {func(h *historie) {
			i := ny(h, "a")
			h.svar(i, "1", "202")
			h.svar(i, "1", "duplicate")
			m, _ := h.utdelt("m", false)
			h.lest("m", m, i, "1")
			m, _ = h.utdelt("m", true)
			h.lest("m", m, i, "1")
		}, ""},
		"another id for the same reference": {func(h *historie) {
			i := ny(h, "a")
			h.svar(i, "1", "202")
			h.svar(i, "2", "duplicate")
		}, "had DigisosId 1 and now 2"},
		"one id for two references": {func(h *historie) {
			h.svar(ny(h, "a"), "1", "202")
			h.svar(ny(h, "b"), "1", "202")
		}, "belongs to both a and b"},
		"the fagsystem sees another id": {func(h *historie) {
			i := ny(h, "a")
			m, _ := h.utdelt("m", false)
			h.lest("m", m, i, "1")
			h.svar(i, "2", "202")
		}, "had DigisosId 1 and now 2"},
		"twice under two message ids": {func(h *historie) {
			i := ny(h, "a")
			for _, id := range []string{"m", "n"} {
				m, _ := h.utdelt(id, false)
				h.lest(id, m, i, "1")
			}
		}, "came under 2 message ids"},
		"a redelivery that is not marked": {func(h *historie) {
			h.utdelt("m", false)
			h.utdelt("m", false)
		}, "without the mark"},
		"a message that changes": {func(h *historie) {
			a, b := ny(h, "a"), ny(h, "b")
			m, _ := h.utdelt("m", false)
			h.lest("m", m, a, "1")
			h.lest("m", m, b, "2")
		}, "message m changed"},
	} {
		h := nyHistorie(1)
		tt.gjor(h)
		if got := strings.Join(h.brudd, "; "); (tt.vil == "") != (got == "") || !strings.Contains(got, tt.vil) {
			t.Errorf("%s: %q, want %q", navn, got, tt.vil)
		}
	}
}
