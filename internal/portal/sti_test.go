package portal

import (
	"net/url"
	"strings"
	"testing"
)

func TestLokalSti(t *testing.T) {
	t.Parallel()
	for inn, want := range map[string]string{
		"/forvaltning": "/forvaltning", "/a/b": "/a/b", "": "/", "forvaltning": "/", "//ond.test": "/", "///ond.test": "/", "https://ond.test/": "/",
		`/\ond.test`: "/", "/\tond": "/", "/%2f%2fond.test": "/%2f%2fond.test", "/a?b=c": "/a", "/a#b": "/a", "javascript:alert(1)": "/",
		"/logg-inn/start": "/", "/logg-ut": "/", "http:/a": "/", "/\r\nSet-Cookie: a=b": "/",
	} {
		if got := lokalSti(inn); got != want {
			t.Errorf("%q: %q, want %q", inn, got, want)
		}
	}
}

// Wherever a link says, login leads to this host.
func FuzzLokalSti(f *testing.F) {
	for _, s := range []string{"/a", "//b.test", "/\\b.test", "https://b.test", "/%2e%2e/a", "/a//b"} {
		f.Add(s)
	}
	base := &url.URL{Scheme: "https", Host: "portal.test", Path: "/logg-inn/svar"}
	f.Fuzz(func(t *testing.T, s string) {
		til := lokalSti(s)
		u, err := base.Parse(til)
		if err != nil || u.Host != base.Host || u.Scheme != "https" || !strings.HasPrefix(til, "/") || strings.HasPrefix(til, "//") || strings.ContainsAny(til, "\\\r\n") {
			t.Errorf("%q leads to %q (%v, %v)", s, til, u, err)
		}
	})
}
