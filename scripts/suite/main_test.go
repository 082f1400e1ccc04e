package main

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestCount(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		in              string
		passed          int
		failed, skipped []string
	}{
		"pass, and a package is no test": {
			in:     `{"Action":"pass","Package":"p","Test":"TestA"}` + "\n" + `{"Action":"pass","Package":"p","Test":"TestA/x"}` + "\n" + `{"Action":"pass","Package":"p"}`,
			passed: 2,
		},
		"failure is counted once": {
			in:     `{"Action":"fail","Package":"p","Test":"TestA"}` + "\n" + `{"Action":"fail","Package":"p"}`,
			failed: []string{"p TestA"},
		},
		"a package that fails with no failing test, as by a panic in TestMain": {
			in:     `{"Action":"pass","Package":"p","Test":"TestA"}` + "\n" + `{"Action":"fail","Package":"p"}`,
			passed: 1, failed: []string{"p"},
		},
		"skipped, with its reason": {
			in: `{"Action":"output","Package":"p","Test":"TestA","Output":"=== RUN   TestA\n"}` + "\n" +
				`{"Action":"output","Package":"p","Test":"TestA","Output":"    a_test.go:3: no openssl\n"}` + "\n" +
				`{"Action":"skip","Package":"p","Test":"TestA"}` + "\n" + `{"Action":"skip","Package":"empty"}`,
			skipped: []string{"p TestA: a_test.go:3: no openssl"},
		},
		"does not build": {
			in:     `{"Action":"build-fail","ImportPath":"p [p.test]"}` + "\n" + `{"Action":"fail","Package":"p","FailedBuild":"p [p.test]"}`,
			failed: []string{"p [p.test]", "p"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var out strings.Builder
			s := suite{out: &out}
			s.count("", strings.NewReader(tt.in))
			if s.passed != tt.passed {
				t.Errorf("%d passed, want %d", s.passed, tt.passed)
			}
			if d := cmp.Diff(tt.failed, s.failed); d != "" {
				t.Errorf("failed (-want +got):\n%s", d)
			}
			if d := cmp.Diff(tt.skipped, s.skipped); d != "" {
				t.Errorf("skipped (-want +got):\n%s", d)
			}
		})
	}
}

func TestAccount(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		s    suite
		ok   bool
		line string
	}{
		{suite{passed: 2, skipped: []string{"a"}}, true, "2 passed, 0 failed, 1 skipped\n"},
		{suite{passed: 2, failed: []string{"b"}}, false, "2 passed, 1 failed, 0 skipped\n"},
		{suite{}, false, "0 passed, 0 failed, 0 skipped\n"},
	} {
		var out strings.Builder
		tt.s.out = &out
		if ok := tt.s.tell(); ok != tt.ok || !strings.HasSuffix(out.String(), tt.line) {
			t.Errorf("%t\n%s\nwant %t, and the last line %s", ok, &out, tt.ok, tt.line)
		}
	}
}
