package app_test

import (
	"fmt"
	"go/build"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const modul = "knutepunkt"

// etasjer is the house from the ground up. A room imports only from rooms below
// it; its own sub-packages count as the room itself unless they stand here.
var etasjer = [][]string{
	{"internal/feil", "internal/klokke", "internal/store", "internal/lesbart"},
	{"internal/keys", "internal/passord", "internal/pdf"},
	{"internal/blob", "internal/jobs"},
	{"internal/mail"},
	{"internal/grunntest"}, // a ground floor for tests
	{"internal/httpx"},
	{"internal/auth"},
	{"internal/audit"},
	{"internal/organisasjon"},
	{"internal/dokumentlager", "internal/levering", "internal/utlop", "internal/fiksio/amqp"},
	{"internal/fiksio", "internal/svarut/svarinn", "internal/svarut/altinn", "internal/svarut/print"},
	{"internal/digisos", "internal/svarut", "internal/bekymringsmelding"},
	{"internal/portal"}, // and the portals that stand on it, in its sub-packages
	{"internal/app"},
	{"internal/sandbox"},
	{"internal/portal/portaltest"}, // a house of pages for tests
	{"cmd/knutepunkt", "bench", "interop", "scripts"},
	{"torture"},
}

// offentlige are the packages that others may import: they know nothing of the house.
var offentlige = []string{"cms", "asice", "api", "client"}

// vinduer are outside packages that one room (or those named) alone looks out on, so that a change
// of library is a change of one room.
var vinduer = map[string]string{
	"modernc.org/sqlite":             "internal/store",
	"github.com/pressly/goose":       "internal/store",
	"github.com/tink-crypto/tink-go": "internal/keys",
	"github.com/minio/sio":           "internal/blob",
	"github.com/wneessen/go-mail":    "internal/mail",
	"github.com/santhosh-tekuri":     "internal/digisos internal/bekymringsmelding scripts/bmskjema",

	"github.com/rabbitmq/amqp091-go": "client",
	"github.com/go-pdf/fpdf":         "internal/pdf",
	"github.com/pkg/sftp":            "internal/svarut/print",
}

func TestPilerPekerNedover(t *testing.T) {
	t.Parallel()
	pakker := lesImporter(t, filepath.Join("..", ".."))
	for _, rom := range offentlige {
		if len(pakker[rom]) == 0 {
			t.Errorf("the public package %s was not found: is the test looking in the right place?", rom)
		}
	}
	for pakke, importer := range pakker {
		for _, til := range importer {
			if err := lov(pakke, til); err != nil {
				t.Error(err)
			}
		}
	}
}

// The rule itself, so that a hole in it is seen.
func TestLov(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		fra, til string
		lov      bool
	}{
		{"internal/digisos", "knutepunkt/internal/fiksio", true},
		{"internal/fiksio", "knutepunkt/internal/digisos", false},
		{"internal/levering", "knutepunkt/internal/dokumentlager", false},
		{"internal/fiksio", "knutepunkt/internal/fiksio/amqp", true},
		{"internal/fiksio/amqp", "knutepunkt/internal/fiksio", false},
		{"internal/fiksio/amqp/amqptest", "knutepunkt/internal/fiksio/amqp", true},
		{"internal/fiksio", "knutepunkt/internal/fiksio/amqp/amqptest", false},
		{"internal/digisos", "knutepunkt/internal/grunntest", false},
		{"internal/store/storetest", "knutepunkt/internal/store", true},
		{"internal/nytt", "knutepunkt/internal/store", false},
		{"client", "knutepunkt/cms", true},
		{"client", "knutepunkt/internal/feil", false},
		{"internal/sandbox", "knutepunkt/client", true},
		{"internal/app", "knutepunkt/cmd/knutepunkt", false},
		{"internal/levering", "modernc.org/sqlite", false},
		{"internal/store", "modernc.org/sqlite/lib", true},
		{"internal/store", "strings", true},
	} {
		if err := lov(tt.fra, tt.til); (err == nil) != tt.lov {
			t.Errorf("%s imports %s: %v, want allowed = %t", tt.fra, tt.til, err, tt.lov)
		}
	}
}

// lov tells whether the package at fra (a folder of the module) may import til.
func lov(fra, til string) error {
	intern, vaar := strings.CutPrefix(til, modul+"/")
	if !vaar {
		for vindu, rom := range vinduer {
			if under(til, vindu) && !slices.ContainsFunc(strings.Fields(rom), func(r string) bool { return under(fra, r) }) && !testhjelp(fra) && !verktoy(fra) {
				return fmt.Errorf("%s imports %s, which belongs to %s alone", fra, til, rom)
			}
		}
		return nil
	}
	if testhjelp(intern) && !testhjelp(fra) && !verktoy(fra) {
		return fmt.Errorf("%s imports %s, which is for tests", fra, intern)
	}
	for _, rom := range offentlige {
		if under(fra, rom) && under(intern, "internal") {
			return fmt.Errorf("%s is public and imports %s", fra, intern)
		}
	}
	for _, rom := range offentlige {
		if under(intern, rom) || under(fra, rom) {
			return nil
		}
	}
	fraRom, fraEtasje := rom(fra)
	tilRom, tilEtasje := rom(intern)
	switch {
	case fraRom == "" || tilRom == "":
		return fmt.Errorf("%s imports %s: one of them has no floor; give it one in this test and in the decision on floors", fra, intern)
	case fraRom != tilRom && fraEtasje <= tilEtasje:
		return fmt.Errorf("%s (floor %d) imports %s (floor %d): arrows point downward", fra, fraEtasje, intern, tilEtasje)
	}
	return nil
}

// rom finds the room of a package and its place from the ground; "" when it has none.
func rom(pakke string) (navn string, etasje int) {
	for i, paaEtasjen := range etasjer {
		for _, r := range paaEtasjen {
			if under(pakke, r) && len(r) > len(navn) {
				navn, etasje = r, i+1
			}
		}
	}
	return navn, etasje
}

func under(pakke, mappe string) bool { return pakke == mappe || strings.HasPrefix(pakke, mappe+"/") }

// testhjelp tells whether a package is an aid of tests, by its name.
func testhjelp(pakke string) bool {
	for del := range strings.SplitSeq(pakke, "/") {
		if strings.HasSuffix(del, "test") && del != "test" {
			return true
		}
	}
	return false
}

func verktoy(pakke string) bool { return under(pakke, "bench") || under(pakke, "interop") }

// lesImporter reads what each package imports, tests apart; folders are relative to rot.
func lesImporter(t *testing.T, rot string) map[string][]string {
	t.Helper()
	ut := map[string][]string{}
	err := filepath.WalkDir(rot, func(p string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return err
		}
		if navn := d.Name(); p != rot && (strings.HasPrefix(navn, ".") || navn == "testdata" || navn == "target" || navn == "bin") {
			return filepath.SkipDir
		}
		pakke, err := build.Default.ImportDir(p, 0)
		if err != nil {
			if _, ingen := err.(*build.NoGoError); ingen {
				return nil
			}
			return err
		}
		rel, err := filepath.Rel(rot, p)
		if err != nil {
			return err
		}
		if rel != "." { // the module's root only pins libraries
			ut[path.Clean(filepath.ToSlash(rel))] = pakke.Imports
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return ut
}
