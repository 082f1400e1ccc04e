// The program sider measures the web pages of a sandbox as a browser meets them,
// over HTTP from a process of its own:
//
//   - how long each page that a municipality's administrator, somebody who reports a
//     concern and somebody who receives can be led to takes, at the 95th percentile, as a
//     part of what it may take;
//   - what a first visit weighs on the wire: the page, style sheet, script, icon and
//     the font that it needs, as a browser asks for them.
//
// It prints each figure with its bar, and exits with 1 if one is missed:
//
//	go run ./bench/sider [-rounds N]
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"knutepunkt/bench/sandkasse"
)

// The bars.
const (
	maksTid  = 20 * time.Millisecond // a page, at the 95th percentile
	maksVekt = 150_000               // bytes of a first visit
)

func main() {
	log.SetFlags(0)
	runder := flag.Int("rounds", 200, "how often each page is asked for")
	flag.Parse()
	ctx, slutt := signal.NotifyContext(context.Background(), os.Interrupt)
	ok, err := kjor(ctx, max(*runder, 20))
	slutt()
	if err != nil {
		log.Fatal(err)
	}
	if !ok {
		log.Fatal("a bar is missed")
	}
}

func kjor(ctx context.Context, runder int) (bool, error) {
	mappe, err := os.MkdirTemp("", "bench-sider-")
	if err != nil {
		return false, err
	}
	defer os.RemoveAll(mappe)
	binar := filepath.Join(mappe, "knutepunkt")
	if err := sandkasse.Bygg(ctx, binar); err != nil {
		return false, err
	}
	s, err := sandkasse.Start(ctx, binar, filepath.Join(mappe, "data"), io.Discard)
	if err != nil {
		return false, err
	}
	defer func() { _ = s.Drep() }()
	n, err := nyNettleser(s.BaseURL)
	if err != nil {
		return false, err
	}
	vekt, err := n.forsteBesok(ctx)
	if err != nil {
		return false, fmt.Errorf("a first visit: %w", err)
	}
	if err := n.loggInn(ctx, s); err != nil {
		return false, fmt.Errorf("logging in: %w", err)
	}
	if err := n.skrivMelding(ctx); err != nil {
		return false, fmt.Errorf("writing a report: %w", err)
	}
	org := "/forvaltning/" + s.Kommuner[0].FiksOrgID + "/"
	sider, err := n.finn(ctx, []string{"/om", "/bekymring", "/privat", "/offentlig", "/mottak", org}, "/", org+"tjenester", "/bekymring", "/mottak",
		"/privat/steg/se-over", "/offentlig/steg/om-deg")
	if err != nil {
		return false, fmt.Errorf("finding the pages: %w", err)
	}
	if len(sider) < 10 {
		return false, fmt.Errorf("only %d pages were found", len(sider))
	}
	verst, hvor := time.Duration(0), ""
	for _, sti := range sider {
		p95, err := n.maal(ctx, sti, runder)
		if err != nil {
			return false, err
		}
		fmt.Printf("  %.2f of the bar  %s\n", float64(p95)/float64(maksTid), uten(sti))
		if p95 > verst {
			verst, hvor = p95, sti
		}
	}
	ok := bar(fmt.Sprintf("the slowest of %d pages at p95, %s", len(sider), uten(hvor)), float64(verst)/float64(maksTid))
	return bar(fmt.Sprintf("a first visit, %d bytes on the wire", vekt), float64(vekt)/maksVekt) && ok, nil
}

func bar(hva string, del float64) bool {
	utfall := "met"
	if del >= 1 {
		utfall = "MISSED"
	}
	fmt.Printf("%s: %.2f of the bar: %s\n", hva, del, utfall)
	return del < 1
}

var uuid = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f-]{27}`)

// uten is a path without the ids in it, to be read.
func uten(sti string) string { return uuid.ReplaceAllString(sti, "…") }

// nettleser keeps cookies and asks for pages of one address.
type nettleser struct {
	base string
	http *http.Client
}

func nyNettleser(base string) (*nettleser, error) {
	krukke, err := cookiejar.New(nil)
	if err != nil {
		return nil, err
	}
	return &nettleser{base, &http.Client{Jar: krukke, Timeout: 30 * time.Second}}, nil
}

// hent asks for an address of ours and gives the body as it came over the wire,
// with where it led.
func (n *nettleser) hent(ctx context.Context, metode, adresse string, skjema url.Values, pakket bool) (kropp []byte, til *url.URL, err error) {
	r, err := http.NewRequestWithContext(ctx, metode, adresse, strings.NewReader(skjema.Encode()))
	if err != nil {
		return nil, nil, err
	}
	if metode == http.MethodPost {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	if pakket {
		r.Header.Set("Accept-Encoding", "gzip") // asked for by hand, it is not unpacked
	}
	svar, err := n.http.Do(r)
	if err != nil {
		return nil, nil, err
	}
	defer svar.Body.Close()
	kropp, err = io.ReadAll(svar.Body)
	if err == nil && svar.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s answers %s", uten(r.URL.Path), svar.Status)
	}
	return kropp, svar.Request.URL, err
}

var filer = regexp.MustCompile(`(?:href|src)="(/statisk/[^"]+)"`)

// forsteBesok weighs the start page with what it refers to, and the one font that
// its letters need.
func (n *nettleser) forsteBesok(ctx context.Context) (int, error) {
	side, _, err := n.hent(ctx, http.MethodGet, n.base+"/", nil, true)
	if err != nil {
		return 0, err
	}
	vekt := len(side)
	adresser := map[string]bool{}
	for _, m := range filer.FindAllSubmatch(side, -1) {
		adresser[string(m[1])] = true
	}
	if len(adresser) < 3 {
		return 0, errors.New("the page refers to no style sheet, script and icon")
	}
	for sti := range adresser {
		adresser[sti[:strings.LastIndexByte(sti, '/')]+"/inter-latin-wght-normal.woff2"] = true
	}
	for sti := range adresser {
		b, _, err := n.hent(ctx, http.MethodGet, n.base+sti, nil, true)
		if err != nil {
			return 0, err
		}
		vekt += len(b)
	}
	return vekt, nil
}

// loggInn goes through the sandbox's issuer as the administrator, at level 4.
func (n *nettleser) loggInn(ctx context.Context, s *sandkasse.Sandkasse) error {
	i := slices.IndexFunc(s.Personer, func(p sandkasse.Person) bool { return slices.Contains(p.Roller, "ADMINISTRATOR") })
	if i < 0 {
		return errors.New("the sandbox has no administrator")
	}
	_, utsteder, err := n.hent(ctx, http.MethodGet, n.base+"/logg-inn/start?til=/forvaltning&niva=4", nil, false)
	if err != nil {
		return err
	}
	_, _, err = n.hent(ctx, http.MethodPost, utsteder.String(), url.Values{"pid": {s.Personer[i].Fnr}, "acr": {"idporten-loa-high"}}, false)
	return err
}

var lenker = regexp.MustCompile(`<a [^>]*href="(/[^"?#]*)"`)

// skrivMelding fills in the private form up to its review, and begins the other.
func (n *nettleser) skrivMelding(ctx context.Context) error {
	for _, s := range []struct {
		sti  string
		felt url.Values
	}{
		{"/offentlig/til/9901/00", nil},
		{"/privat/til/9901/00", nil},
		{"/privat/steg/om-deg", url.Values{"handling": {"neste"}}},
		{"/privat/steg/om-barna", url.Values{"barn-antall": {"3"}, "barn1-navn": {"Lise"}, "barn2-navn": {"Per"}, "barn3-navn": {"Pål"}, "handling": {"neste"}}},
		{"/privat/steg/bekymringen", url.Values{"melding": {strings.Repeat("Gråter hver natt. ", 500)}, "handling": {"neste"}}},
	} {
		if _, _, err := n.hent(ctx, http.MethodPost, n.base+s.sti, s.felt, false); err != nil {
			return err
		}
	}
	return nil
}

// finn follows the links of pages to every page under the roots, but for files, the
// APIs and other organisations, and the way out, which ends the login and leads elsewhere.
func (n *nettleser) finn(ctx context.Context, rotter []string, fra ...string) ([]string, error) {
	under := func(sti string) bool {
		return slices.ContainsFunc(rotter, func(r string) bool { return sti == r || strings.HasPrefix(sti, strings.TrimSuffix(r, "/")+"/") })
	}
	sett := map[string]bool{}
	var ut []string
	for koe := fra; len(koe) > 0; koe = koe[1:] {
		sti := koe[0]
		if sett[sti] {
			continue
		}
		sett[sti] = true
		side, til, err := n.hent(ctx, http.MethodGet, n.base+sti, nil, false)
		if err != nil {
			return nil, err
		}
		if til.Path != sti { // it leads on to another page
			koe = append(koe, til.Path)
			continue
		}
		ut = append(ut, sti)
		for _, m := range lenker.FindAllSubmatch(side, -1) {
			if l := string(m[1]); under(l) && !strings.HasSuffix(l, "/pdf") && !strings.HasSuffix(l, "/forlat") {
				koe = append(koe, l)
			}
		}
	}
	return ut, nil
}

// maal is the 95th percentile of a page's time.
func (n *nettleser) maal(ctx context.Context, sti string, runder int) (time.Duration, error) {
	var tider []time.Duration
	for range runder {
		start := time.Now()
		if _, _, err := n.hent(ctx, http.MethodGet, n.base+sti, nil, false); err != nil {
			return 0, err
		}
		tider = append(tider, time.Since(start))
	}
	slices.Sort(tider)
	return tider[len(tider)*95/100], nil
}
