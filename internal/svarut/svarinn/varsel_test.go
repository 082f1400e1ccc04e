package svarinn

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"knutepunkt/internal/grunntest"
	"knutepunkt/internal/klokke"
	"knutepunkt/internal/mail"
	"knutepunkt/internal/store"
)

// brevTil counts the e-mails to systemBy's first address, and gives the last.
func (h *hus) brevTil(t testing.TB) (antall int, siste mail.Melding) {
	t.Helper()
	ms, err := h.Epost.Alle(t.Context())
	must(t, err)
	for _, m := range ms {
		if m.To[0] == "post@"+byNr+".example" {
			antall++
			siste = m
		}
	}
	return antall, siste
}

// til moves the clock to a time in Oslo on a day after the start's.
func (h *hus) til(t testing.TB, dag, kl, minutt int) {
	t.Helper()
	o := klokke.Oslo(grunntest.Start)
	naar := time.Date(o.Year(), o.Month(), o.Day()+dag, kl, minutt, 0, 0, klokke.Sone())
	h.Frem(t, naar.Sub(h.Klokke.Now()))
}

func TestVarselKlokka(t *testing.T) {
	t.Parallel()
	h := medSystemer(t)
	h.til(t, 0, 10, 30)
	a := h.lever(t, brev(byNr))
	b := h.lever(t, brev(byNr))
	for _, tt := range []struct {
		hva             string
		dag, kl, minutt int
		antall          int // e-mails so far
		gjor            func()
	}{
		{"1 h 59 min", 0, 12, 29, 0, nil},
		{"2 h", 0, 12, 30, 1, nil},
		{"just before the next hour", 0, 15, 59, 1, nil},
		{"16", 0, 16, 0, 2, nil},
		{"night", 1, 7, 59, 2, nil},
		{"08 the next day", 1, 8, 0, 3, nil},
		{"12, when one is left", 1, 12, 0, 4, func() { must(t, h.s.Kvitter(t.Context(), systemBy, a)) }},
		{"16, when none is", 1, 16, 0, 4, func() { must(t, h.s.Kvitter(t.Context(), systemBy, b)) }},
		{"long after", 3, 23, 0, 4, nil},
		{"a new one, 1 h 59 min", 4, 1, 4, 4, func() { h.til(t, 3, 23, 5); b = h.lever(t, brev(byNr)) }},
		{"a new one, 2 h", 4, 1, 5, 5, nil},
		{"08, when it has failed for good", 4, 8, 0, 5, func() { must(t, h.s.MottakFeilet(t.Context(), systemBy, b, "x", true)) }},
		{"one that fails for now", 4, 10, 1, 6, func() { b = h.lever(t, brev(byNr)); must(t, h.s.MottakFeilet(t.Context(), systemBy, b, "x", false)) }},
	} {
		if tt.gjor != nil {
			tt.gjor()
		}
		h.til(t, tt.dag, tt.kl, tt.minutt)
		antall, siste := h.brevTil(t)
		if antall != tt.antall {
			t.Errorf("%s: %d e-mails, want %d", tt.hva, antall, tt.antall)
		}
		if tt.hva == "2 h" && (siste.Subject != "SvarInn: 2 forsendelser er ikke hentet av NAV Testby" ||
			!strings.Contains(siste.Text, "«NAV Testby»") || !strings.Contains(siste.Text, "lastes ned for hånd") || strings.Contains(siste.Text, "sertifikat")) {
			t.Errorf("%+v", siste)
		}
		if strings.HasPrefix(tt.hva, "12, when one") && siste.Subject != "SvarInn: 1 forsendelse er ikke hentet av NAV Testby" {
			t.Errorf("%+v", siste)
		}
	}
	// Every address got its own, the other mottakersystem none.
	post := h.post(t)
	if n := len(post); n != 12 || slices.ContainsFunc(post, func(s string) bool { return strings.Contains(s, naboNr) }) {
		t.Errorf("%d e-mails: %v", n, post)
	}
}

// A receiver that is always a little late is not told of each forsendelse.
func TestVarselIkkeForHverForsendelse(t *testing.T) {
	t.Parallel()
	h := medSystemer(t)
	const n = 60
	var ids []string
	for range n { // one a minute
		ids = append(ids, h.lever(t, brev(byNr)))
		h.Frem(t, time.Minute)
	}
	h.Frem(t, (120-n)*time.Minute)
	for _, id := range ids { // each half a minute after its two hours, before the next one's are over
		h.Frem(t, 30*time.Second)
		must(t, h.s.Kvitter(t.Context(), systemBy, id))
		h.Frem(t, 30*time.Second)
	}
	if n, _ := h.brevTil(t); n != 1 {
		t.Errorf("%d e-mails in an hour, want one", n)
	}
}

// When all that was overdue is fetched, the next that is overdue is told of after
// its two hours, not at the hours of the day.
func TestVarselBegynnerPaaNytt(t *testing.T) {
	t.Parallel()
	h := medSystemer(t)
	h.til(t, 0, 10, 30)
	a := h.lever(t, brev(byNr))
	h.til(t, 0, 12, 35)
	h.lever(t, brev(byNr))
	must(t, h.s.Kvitter(t.Context(), systemBy, a))
	for _, tt := range []struct{ kl, minutt, antall int }{{14, 34, 1}, {14, 35, 2}, {16, 0, 3}} {
		h.til(t, 0, tt.kl, tt.minutt)
		if n, _ := h.brevTil(t); n != tt.antall {
			t.Errorf("at %d:%02d: %d e-mails, want %d", tt.kl, tt.minutt, n, tt.antall)
		}
	}
}

func TestVarselUtenAdresser(t *testing.T) {
	t.Parallel()
	h := medSystemer(t)
	must(t, h.DB.Write(t.Context(), func(tx *store.Tx) error {
		_, err := tx.ExecContext(t.Context(), `UPDATE svarinn_mottakersystemer SET varsles = NULL`)
		return err
	}))
	h.lever(t, brev(byNr))
	h.lever(t, brev(naboNr))
	h.Frem(t, 2*time.Hour)
	if diff := cmp.Diff([]string{"post@testby.example: SvarInn: 1 forsendelse er ikke hentet av NAV Testby"}, h.post(t)); diff != "" {
		t.Errorf("the organisation's address is used (-want +got):\n%s", diff)
	}
	if !strings.Contains(h.logg.String(), "nobody is registered") {
		t.Error("that nobody can be told is not logged")
	}
}

func TestSertifikatUtloper(t *testing.T) {
	t.Parallel()
	h := medSystemer(t)
	k, _ := nokkelpar()
	sett := func(dager int) {
		_, err := h.s.SettSertifikat(t.Context(), kari, systemBy, sertifikatFor(&k.PublicKey, k, h.Klokke.Now().AddDate(0, 0, dager)).Raw)
		must(t, err)
	}
	antall := func(hva string, want int) {
		t.Helper()
		if n, siste := h.brevTil(t); n != want || n > 0 && (!strings.Contains(siste.Subject, "sertifikatet for NAV Testby") || strings.Contains(siste.Subject, "er utløpt")) {
			t.Errorf("%s: %d e-mails, want %d (%s)", hva, n, want, siste.Subject)
		}
	}
	dag := 24 * time.Hour
	sett(40)
	h.Frem(t, 10*dag-time.Minute)
	antall("30 days and a minute before", 0)
	h.Frem(t, time.Minute)
	antall("30 days before", 1)
	h.Frem(t, 23*dag)
	antall("7 days before", 2)
	h.Frem(t, 6*dag)
	antall("1 day before", 3)
	h.Frem(t, 5*dag)
	antall("after", 3)
	// It is still what the receiver has the key for.
	id := h.lever(t, brev(byNr))
	if s := h.kall(t, systemBy, "GET", stiHent+id, ""); s.status != 200 {
		t.Errorf("with an expired certificate: %d", s.status)
	}
	must(t, h.s.Kvitter(t.Context(), systemBy, id))
	sett(5) // less than 7 days from the first moment on: told once
	h.kjor(t)
	antall("a new one of 5 days", 4)
	h.Frem(t, 3*dag)
	antall("2 days before", 4)
	h.Frem(t, dag)
	antall("1 day before, again", 5)
}

// nede is an SMTP transport that can be down.
type nede struct {
	mail.Transport
	mu  sync.Mutex
	err error
	n   int
}

func (n *nede) Send(ctx context.Context, m mail.Melding) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.n++
	if n.err != nil {
		return n.err
	}
	return n.Transport.Send(ctx, m)
}

// The alert is a job of the same transaction that notes that it was given: an SMTP
// server that is down loses nothing, and what came up again sends it once.
func TestVarselNaarEpostErNede(t *testing.T) {
	t.Parallel()
	transport := &nede{err: errors.New("connection refused")}
	h := byggHus(t, medPost(t, func(g *grunntest.Grunn) mail.Transport {
		transport.Transport = g.Epost
		return transport
	}))
	h.systemer(t)
	h.lever(t, brev(byNr))
	h.Frem(t, 2*time.Hour+5*time.Minute)
	if transport.n == 0 || len(h.post(t)) != 0 {
		t.Fatalf("%d attempts, %v arrived", transport.n, h.post(t))
	}
	transport.mu.Lock()
	transport.err = nil
	transport.mu.Unlock()
	h.Frem(t, time.Hour)
	if diff := cmp.Diff([]string{
		"post@" + byNr + ".example: SvarInn: 1 forsendelse er ikke hentet av NAV Testby",
		"vakt@" + byNr + ".example: SvarInn: 1 forsendelse er ikke hentet av NAV Testby",
	}, h.post(t)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// The whole way to a mail server, by SMTP over a socket.
func TestVarselOverSMTP(t *testing.T) {
	t.Parallel()
	s := nySluk(t)
	transport, err := mail.SMTP(mail.SMTPConfig{Host: "127.0.0.1", Port: s.port(), TLS: mail.TLSIngen})
	must(t, err)
	h := byggHus(t, medPost(t, func(*grunntest.Grunn) mail.Transport { return transport }))
	h.systemer(t)
	h.lever(t, brev(byNr))
	h.Frem(t, 2*time.Hour-time.Minute)
	if got := s.mottatt(); len(got) != 0 {
		t.Fatalf("too early: %v", got)
	}
	h.Frem(t, time.Minute)
	got := s.mottatt()
	slices.Sort(got)
	if len(got) != 2 || !strings.HasPrefix(got[0], "post@"+byNr+".example\n") || !strings.HasPrefix(got[1], "vakt@"+byNr+".example\n") ||
		!strings.Contains(got[0], "Subject: SvarInn: 1 forsendelse er ikke hentet av NAV Testby") || !strings.Contains(got[0], "NAV Testby=C2=BB") {
		t.Errorf("%d e-mails arrived:\n%s", len(got), strings.Join(got, "\n--\n"))
	}
}

// sluk is a small SMTP server that takes everything.
type sluk struct {
	l  net.Listener
	mu sync.Mutex
	m  []string // receiver, then the message
}

func nySluk(t testing.TB) *sluk {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	must(t, err)
	s := &sluk{l: l}
	var alle sync.WaitGroup
	alle.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			alle.Go(func() { s.betjen(c) })
		}
	})
	t.Cleanup(func() { _ = l.Close(); alle.Wait() })
	return s
}

func (s *sluk) port() int { return s.l.Addr().(*net.TCPAddr).Port }

func (s *sluk) mottatt() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.m)
}

func (s *sluk) betjen(c net.Conn) {
	defer c.Close()
	r := bufio.NewReader(c)
	si := func(linje string) { fmt.Fprint(c, linje+"\r\n") }
	si("220 sluk")
	til := ""
	for {
		linje, err := r.ReadString('\n')
		if err != nil {
			return
		}
		switch ord := strings.ToUpper(strings.Fields(linje + " x")[0]); ord {
		case "RCPT":
			til = linje[strings.Index(linje, "<")+1 : strings.Index(linje, ">")]
			si("250 ok")
		case "DATA":
			si("354 go on")
			var b strings.Builder
			for {
				linje, err := r.ReadString('\n')
				if err != nil {
					return
				}
				if linje == ".\r\n" {
					break
				}
				b.WriteString(linje)
			}
			s.mu.Lock()
			s.m = append(s.m, til+"\n"+strings.ReplaceAll(b.String(), "=\r\n", ""))
			s.mu.Unlock()
			si("250 ok")
		case "QUIT":
			si("221 bye")
			return
		default:
			si("250 ok")
		}
	}
}
