// The program torture starts the platform, loads it as NAV, senders of letters and
// all kinds of receivers do, moves its clock by hours and days, and kills it with
// SIGKILL at a random moment, again and again on the same folder. Then it proves
// from what it saw from outside that nothing that was accepted is lost, nothing was
// sent twice, nothing half is visible, the audit log is whole, and nothing readable
// lies on disk.
//
//	go run ./torture [-rounds N] [-seed N] [-clients N] [-dir DIR]
//
// What is sent goes by every channel: a fagsystem takes messages over Fiks IO, and
// lets some expire; mottakersystemer fetch from SvarInn, fail, and refuse; letters
// lie in Altinn, and some are read there; a printer decrypts the rest, prints most
// and refuses some.
//
// It prints a line per ten rounds and a table at the end, and exits with 1 on any
// violation; the folder is then kept as evidence.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"knutepunkt/bench/sandkasse"
	"knutepunkt/cms"
	"knutepunkt/internal/lesbart"
)

// oppsett is what a run is made of.
type oppsett struct {
	runder, sendere int
	fro             uint64
	dir             string // empty or new; the platform's folder and the log are under it
	binar           string // "" = built from source
	ut              io.Writer
}

func main() {
	ctx, slutt := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer slutt()
	o := oppsett{ut: os.Stdout}
	flag.IntVar(&o.runder, "rounds", 200, "how many times it is killed")
	flag.IntVar(&o.sendere, "clients", 4, "concurrent senders")
	flag.Uint64Var(&o.fro, "seed", uint64(time.Now().UnixNano()), "makes the load and the moments repeatable, as far as the machine is")
	flag.StringVar(&o.dir, "dir", "", "where everything is kept; by default a temporary folder, removed when all is well")
	flag.StringVar(&o.binar, "binary", "", "the knutepunkt to torture; by default built from source")
	flag.Parse()
	behold := o.dir != ""
	if !behold {
		var err error
		if o.dir, err = os.MkdirTemp("", "torture-"); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	brudd, err := kjor(ctx, o)
	switch {
	case err != nil:
		fmt.Fprintf(os.Stderr, "torture: %v\nkept: %s\n", err, o.dir)
		os.Exit(1)
	case len(brudd) > 0:
		fmt.Fprintf(os.Stderr, "kept: %s\n", o.dir)
		os.Exit(1)
	case !behold:
		_ = os.RemoveAll(o.dir)
	}
}

func nokler(k cms.Key) []cms.Key { return []cms.Key{k} }

// kjoring is one run.
type kjoring struct {
	oppsett
	h    *historie
	rng  *rand.Rand
	data string // the platform's folder
	inn  string // where mottakersystemer put what they fetch
	logg *os.File
	klar []time.Duration
}

// kjor runs and judges; brudd are the violations. err is something that kept it
// from judging.
func kjor(ctx context.Context, o oppsett) (brudd []string, err error) {
	k := &kjoring{oppsett: o, h: nyHistorie(o.fro), rng: rand.New(rand.NewPCG(o.fro, 2)), data: filepath.Join(o.dir, "data"), inn: filepath.Join(o.dir, "svarinn")}
	if err := os.MkdirAll(k.inn, 0o700); err != nil {
		return nil, err
	}
	if k.binar == "" {
		k.binar = filepath.Join(o.dir, "knutepunkt")
		if err := sandkasse.Bygg(ctx, k.binar); err != nil {
			return nil, err
		}
	}
	if k.logg, err = os.Create(filepath.Join(o.dir, "logg.txt")); err != nil {
		return nil, err
	}
	defer k.logg.Close()
	fmt.Fprintf(k.ut, "torture: %d rounds, %d senders, seed %d, in %s\n", k.runder, k.sendere, k.fro, k.dir)
	start := time.Now()
	for nr := 1; nr <= k.runder; nr++ {
		if nr%5 == 1 { // also at its start: first of all while it seeds an empty folder
			if err := k.avbrutteStarter(nr, 3, 200*time.Millisecond); err != nil {
				return nil, fmt.Errorf("round %d: %w", nr, err)
			}
		}
		if err := k.runde(ctx, nr); err != nil {
			return nil, fmt.Errorf("round %d: %w", nr, err)
		}
		if nr%10 == 0 || nr == k.runder {
			fmt.Fprintf(k.ut, "round %4d  %6.1fs  søknader %5d  ettersendelser %5d  brev %4d  reports %4d  Fiks IO %5d (again %d)  SvarInn %4d  Altinn %4d  printed %4d  clock %5s  unanswered %4d  violations %d\n",
				nr, time.Since(start).Seconds(), k.h.hentTall("godtatt søknad"), k.h.hentTall("godtatt ettersendelse"), k.h.hentTall("godtatt brev"), k.h.hentTall("godtatt bekymringsmelding"),
				len(k.h.meldinger), k.h.hentTall("gjenleveringer"), k.h.hentTall("kvittert i SvarInn"), k.h.hentTall("brev i Altinn"),
				k.h.hentTall("utskriftsjobber"), k.h.klokke.flyttet.Round(time.Hour), k.h.hentTall("uten svar"), k.h.hentTall("brudd"))
		}
		if k.h.hentTall("brudd") > maksBrudd {
			fmt.Fprintln(k.ut, "too many violations: the rounds end here")
			break
		}
	}
	if err := k.dom(ctx); err != nil {
		k.rapport(start)
		return k.h.brudd, fmt.Errorf("judging: %w", err)
	}
	k.rapport(start)
	return k.h.brudd, nil
}

func (k *kjoring) rapport(start time.Time) {
	slices.Sort(k.klar)
	if n := len(k.klar); n > 0 {
		fmt.Fprintf(k.ut, "ready after exec: median %s, slowest %s\n", k.klar[n/2].Round(time.Millisecond), k.klar[n-1].Round(time.Millisecond))
	}
	fmt.Fprintf(k.ut, "%s", k.h.tabell())
	for _, b := range k.h.brudd {
		fmt.Fprintln(k.ut, "VIOLATION:", b)
	}
	utfall := "no violation"
	if n := k.h.hentTall("brudd"); n > 0 {
		utfall = strconv.Itoa(n) + " VIOLATIONS"
	}
	fmt.Fprintf(k.ut, "torture: %d rounds in %s: %s\n", k.runder, time.Since(start).Round(time.Second), utfall)
}

func (k *kjoring) start(ctx context.Context, nr int) (*liv, error) {
	fmt.Fprintf(k.logg, "=== life %d\n", nr)
	s, err := sandkasse.Start(ctx, k.binar, k.data, k.logg)
	if err != nil {
		return nil, err
	}
	k.klar = append(k.klar, s.Klar)
	l, err := nyttLiv(ctx, s, k.h, nr, k.inn)
	if err != nil {
		_ = s.Drep()
	}
	return l, err
}

// avbrutteStarter kills the platform while it starts, or right after.
func (k *kjoring) avbrutteStarter(nr, antall int, innen time.Duration) error {
	for range antall {
		fmt.Fprintf(k.logg, "=== start before life %d, to be killed\n", nr)
		etter := time.Millisecond + time.Duration(k.rng.Int64N(int64(innen)))
		if err := sandkasse.AvbrytStart(k.binar, k.data, k.logg, etter); err != nil {
			return err
		}
		k.h.tell("drept under oppstart")
	}
	return nil
}

// tilfeldig gives the random numbers of one part of one life.
func (k *kjoring) tilfeldig(nr, del int) *rand.Rand {
	return rand.New(rand.NewPCG(k.fro, uint64(nr)<<8+uint64(del)))
}

// mottakere starts all receivers; slutt waits for them when ctx has ended.
func (k *kjoring) mottakere(ctx context.Context, l *liv, nr int, snill bool) (slutt func(), err error) {
	ferdig, err := startFagsystem(ctx, l, k.tilfeldig(nr, 0), snill)
	if err != nil {
		return nil, err
	}
	var wg sync.WaitGroup
	for n, kommune := range []string{medFagsystem, medSvarInn} {
		mottaker, err := l.Kommune(kommune)
		if err != nil {
			return nil, err
		}
		wg.Go(func() {
			if err := l.hentPost(ctx, mottaker, k.tilfeldig(nr, 100+n), snill); err != nil {
				l.h.feil("life %d: the mottakersystem of %s: %v", nr, kommune, err)
			}
		})
	}
	wg.Go(func() { (&postgang{l, k.tilfeldig(nr, 102), snill, map[string]bool{}}).gaa(ctx) })
	return func() { wg.Wait(); ferdig() }, nil
}

// runde is one life: start, load, kill. In every third the clock is moved: before
// the load, under it so that the kill comes right after, or with the kill in it.
func (k *kjoring) runde(ctx context.Context, nr int) error {
	l, err := k.start(ctx, nr)
	if err != nil {
		return err
	}
	defer l.Drep()
	if nr%10 == 0 {
		l.stikkprove(ctx, k.rng, 20)
	}
	lastCtx, avbryt := context.WithCancel(ctx)
	defer avbryt()
	fram, naar := k.flytting(nr)
	if naar == flyttForst {
		l.flytt(ctx, fram, func(time.Duration) {})
	}
	ferdig, err := k.mottakere(lastCtx, l, nr, false)
	if err != nil {
		return err
	}
	var wg sync.WaitGroup
	stopp := make(chan struct{})
	for n := range k.sendere {
		rng := k.tilfeldig(nr, n+1)
		wg.Go(func() { l.sender(lastCtx, rng, stopp) })
	}
	wg.Go(func() { l.melder(lastCtx, k.tilfeldig(nr, 90), stopp) })
	vent := func(til <-chan struct{}, lengst time.Duration) {
		select {
		case <-til:
		case <-time.After(lengst):
		case <-l.Slutt():
			k.h.feil("life %d: the platform ended by itself", nr)
		case <-ctx.Done():
		}
	}
	vent(nil, 20*time.Millisecond+time.Duration(k.rng.Int64N(int64(780*time.Millisecond))))
	if naar == flyttMidtI || naar == flyttSist {
		underveis := make(chan struct{}) // closed when the time has come to kill
		var en sync.Once
		drep := func() { en.Do(func() { close(underveis) }) }
		langt := time.Duration(k.rng.Int64N(int64(fram)))
		wg.Go(func() {
			defer drep()
			l.flytt(lastCtx, fram, func(kommet time.Duration) {
				if naar == flyttMidtI && kommet >= langt {
					drep()
				}
			})
		})
		sov(ctx, time.Duration(k.rng.Int64N(int64(100*time.Millisecond))))
		close(stopp) // the rest of the way without load, which would not end
		vent(underveis, maksFlyttetid)
		if naar == flyttMidtI {
			vent(nil, time.Duration(k.rng.Int64N(int64(30*time.Millisecond))))
		}
	} else {
		defer close(stopp)
	}
	l.drept.Store(true)
	if err := l.Drep(); err != nil {
		return err
	}
	wg.Wait()
	avbryt()
	ferdig()
	if naar == flyttMidtI { // what fell due meanwhile is done at the start
		if err := k.avbrutteStarter(nr+1, 1, 800*time.Millisecond); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// dom brings everything to its end and judges it.
func (k *kjoring) dom(ctx context.Context) error {
	nr := k.runder + 1
	l, err := k.start(ctx, nr)
	if err != nil {
		return err
	}
	defer l.Drep()
	mottakCtx, avbryt := context.WithCancel(ctx)
	defer avbryt()
	ferdig, err := k.mottakere(mottakCtx, l, nr, true)
	if err != nil {
		return err
	}
	l.avklar(ctx)
	l.avklarRapporter(ctx)
	t := time.Now()
	mangler, err := l.ventPaaLevering(ctx, true, stillstand)
	if err != nil {
		return err
	}
	for _, m := range mangler {
		k.h.feil("%s was taken and is not delivered", m)
	}
	fmt.Fprintf(k.ut, "delivered what needs no days after %s; moving the clock\n", time.Since(t).Round(time.Second/10))
	t = time.Now()
	dager, err := l.tilVeisEnde(ctx)
	if err != nil {
		return err
	}
	fmt.Fprintf(k.ut, "all delivered after %s and %.1f days of the platform's; opening everything\n", time.Since(t).Round(time.Second/10), dager)
	t = time.Now()
	if err := l.sjekkSpor(ctx); err != nil {
		return err
	}
	k.h.sjekkHenvisninger()
	fmt.Fprintf(k.ut, "read %d traces in %s\n", len(k.h.alle), time.Since(t).Round(time.Second/10))
	t = time.Now()
	if err := l.avstem(ctx); err != nil {
		return err
	}
	if err := l.sjekkAlt(ctx); err != nil {
		return err
	}
	fmt.Fprintf(k.ut, "opened %d cases and %d documents in %s\n", k.h.hentTall("saker åpnet"), k.h.hentTall("dokumenter lest"), time.Since(t).Round(time.Second/10))

	// As it lies after a power cut.
	l.drept.Store(true)
	if err := l.Drep(); err != nil {
		return err
	}
	avbryt()
	ferdig()
	if err := k.sok("after the kill", l); err != nil {
		return err
	}
	k.verifiser(ctx)

	// As it lies after a gentle stop.
	if l, err = k.start(ctx, k.runder+2); err != nil {
		return err
	}
	defer l.Drep()
	l.drept.Store(true)
	if kode, err := l.Stopp(20 * time.Second); err != nil || kode != 0 {
		k.h.feil("stopped gently it exited with %d (%v)", kode, err)
	}
	k.verifiser(ctx)
	if err := k.sok("after a gentle stop", l); err != nil {
		return err
	}
	return k.lesLoggen()
}

var antallHendelser = regexp.MustCompile(`(\d+) events`)

// verifiser has the platform's own command check the audit log; each thing that
// was taken is at least one event in it.
func (k *kjoring) verifiser(ctx context.Context) {
	ut, err := exec.CommandContext(ctx, k.binar, "audit", "verify", "--dir", k.data).CombinedOutput()
	if err != nil {
		k.h.feil("audit verify: %v: %s", err, ut)
		return
	}
	m := antallHendelser.FindAllSubmatch(ut, -1)
	if m == nil {
		k.h.feil("audit verify does not tell how many events there are: %s", ut)
		return
	}
	n, _ := strconv.Atoi(string(m[len(m)-1][1]))
	if vil := k.h.hentTall("godtatt søknad") + k.h.hentTall("godtatt ettersendelse") + k.h.hentTall("godtatt brev") + k.h.hentTall("godtatt bekymringsmelding"); n < vil {
		k.h.feil("the audit log has %d events for %d søknader, ettersendelser, brev and reports", n, vil)
	}
	k.h.mu.Lock()
	k.h.tall["hendelser i revisjonsloggen"] = n
	k.h.mu.Unlock()
}

// sok looks for everything that must not be readable in the platform's folder and
// in what it printed. sandbox.json and the keys beside it are the sandbox's
// contract with its users, and tell its own people. The print jobs name the kommune
// and nobody else, and the letters beside them are encrypted: they are searched too.
func (k *kjoring) sok(naar string, l *liv) error {
	t := time.Now()
	s := &lesbart.Sok{}
	s.LeggTil("a planted marker", k.h.merke)
	for _, p := range l.Personer {
		s.LeggTil("a fødselsnummer", p.Fnr)
		s.LeggTil("a name", p.Navn)
	}
	s.LeggTil("a password", l.NAV.Passord)
	for _, kommune := range l.Kommuner {
		f := kommune.Fagsystem
		s.LeggTil("a password", f.Passord)
		if f.SvarInn != nil {
			s.LeggTil("a password", f.SvarInn.Passord)
		}
		if f.SvarUt != nil {
			s.LeggTil("a password", f.SvarUt.Passord)
		}
	}
	funnet, filer, lest, err := s.Mappe(k.data, func(rel string) bool {
		return rel == "sandbox.json" || strings.HasPrefix(rel, "keys/")
	})
	if err != nil {
		return err
	}
	iLoggen, n, err := s.Fil(k.logg.Name())
	if err != nil {
		return err
	}
	for _, f := range append(funnet, iLoggen...) {
		k.h.feil("%s: %s is readable in %s at byte %d: %s", naar, f.Hva, f.Fil, f.Sted, f.Rundt)
	}
	fmt.Fprintf(k.ut, "searched %d files, %d MB, %s: %d found (%s)\n", filer+1, (lest+n)>>20, naar, len(funnet)+len(iLoggen), time.Since(t).Round(time.Second/10))
	return nil
}

var alvorlig = regexp.MustCompile(`(?m)^(panic:|fatal error:|WARNING: DATA RACE|.*store: panic in a transaction).*$`)
var feillinje = regexp.MustCompile(`(?m)^.*(level=ERROR|"level":"ERROR").*$`)

// lesLoggen: no panic, and no error that the platform tells of: nothing here is
// beyond what it is made for.
func (k *kjoring) lesLoggen() error {
	data, err := os.ReadFile(k.logg.Name())
	if err != nil {
		return err
	}
	for _, m := range alvorlig.FindAll(data, 5) {
		k.h.feil("the log has %s", m)
	}
	for _, m := range feillinje.FindAll(data, 5) {
		k.h.feil("the log has the error %s", m)
	}
	if len(data) == 0 {
		return errors.New("the platform's log is empty")
	}
	return nil
}
