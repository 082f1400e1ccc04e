package lesbart

import (
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The judge must be able to see: each form of a text is found wherever it lies.
func TestSokFinner(t *testing.T) {
	t.Parallel()
	const tekst = "KPÆRLIG3X7-14 Åse"
	s := &Sok{}
	s.LeggTil("it", tekst)
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
				funnet, _, _, err := s.Mappe(dir, func(string) bool { return false })
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
	if funnet, _, _, err := s.Mappe(dir, func(string) bool { return false }); err != nil || len(funnet) != 1 {
		t.Errorf("a file's name: %v, %v", funnet, err)
	}
}
