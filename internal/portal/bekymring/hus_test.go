package bekymring_test

import (
	"bytes"
	"encoding/json"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"knutepunkt/asice"
	"knutepunkt/cms"
	"knutepunkt/internal/bekymringsmelding/skjema"
	"knutepunkt/internal/grunntest"
	"knutepunkt/internal/portal/portaltest"
)

// lekker searches all files of the house for words that nobody may read there.
func lekker(t *testing.T, h *portaltest.Hus, naar string, ord [][]byte) {
	t.Helper()
	leser := false // it finds what is readable
	portaltest.Must(t, filepath.WalkDir(h.Dir, func(sti string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(sti)
		if err != nil {
			return err
		}
		leser = leser || bytes.Contains(b, []byte("portal_utkast"))
		for _, o := range ord {
			if bytes.Contains(b, o) {
				t.Errorf("%s: %q can be read in %s", naar, o, filepath.Base(sti))
			}
		}
		return nil
	}))
	if !leser {
		t.Error("not even the name of a table was found: is it looking in the right place?")
	}
}

// dokumentet is what the receiver finds in a report, which keeps its schema.
func dokumentet(t testing.TB, h *portaltest.Hus, id string) (typ skjema.Type, v skjema.Versjon, d []byte) {
	t.Helper()
	portaltest.Must(t, h.DB.Read().QueryRowContext(t.Context(), `SELECT type, versjon FROM bekymring_melding WHERE id = $1`, id).Scan(&typ, &v))
	d = fil(t, h, id, "bekymringsmelding.json")
	if err := skjema.ValiderDokument(v, typ, d); err != nil {
		t.Errorf("a document that its schema refuses: %v", err)
	}
	return typ, v, d
}

// fil is one of the files that the receiver gets.
func fil(t testing.TB, h *portaltest.Hus, id, hvilken string) (d []byte) {
	t.Helper()
	var b string
	portaltest.Must(t, h.DB.Read().QueryRowContext(t.Context(), `SELECT asice_blob FROM bekymring_melding WHERE id = $1`, id).Scan(&b))
	r, err := h.Blobs.Open(t.Context(), b, 0)
	portaltest.Must(t, err)
	defer r.Close()
	key, cert := grunntest.Plattformnokkel(t)
	klar, err := cms.NewReader(r, cms.Key{Private: key, Certificate: cert})
	portaltest.Must(t, err)
	_, err = asice.Read(klar, asice.Options{}, func(navn string, r io.Reader) (err error) {
		if navn == hvilken {
			d, err = io.ReadAll(r)
		}
		return err
	})
	portaltest.Must(t, err)
	return d
}

var referanseRE = regexp.MustCompile(`<code>([0-9a-f-]{36})</code>`)

// referanse is the one that a receipt shows.
func referanse(t testing.TB, s portaltest.SvarSide) string {
	t.Helper()
	m := referanseRE.FindStringSubmatch(s.HTML)
	if m == nil {
		t.Fatalf("no reference on the page:\n%s", s.HTML)
	}
	return m[1]
}

// sendt sends what is looked over and opens what the receiver gets.
func sendt(t testing.TB, h *portaltest.Hus, n *portaltest.Nettleser, sti string) (d map[string]any) {
	t.Helper()
	s := n.Get(t, "/"+sti+"/steg/se-over").Er(t, 200)
	k := n.Get(t, send(t, n, sti, s).Er(t, 303).Header.Get("Location")).Er(t, 200)
	_, _, b := dokumentet(t, h, referanse(t, k))
	portaltest.Must(t, json.Unmarshal(b, &d))
	return d
}

// i is what stands at a place of a document: names and numbers.
func i(t testing.TB, d any, sti ...any) any {
	t.Helper()
	for _, s := range sti {
		switch s := s.(type) {
		case string:
			d = d.(map[string]any)[s]
		case int:
			d = d.([]any)[s]
		}
	}
	return d
}
