// The program frister measures how punctual deadlines are: 1,000 leveringer wait
// for a receipt until one and the same moment, the process that keeps time is
// killed (SIGKILL) when some of them have fired, and another one goes on.
//
//	go run ./bench/frister [-n N] [-rounds N]
//
// It compares the time from the deadline to the last of them with the bar, and
// exits with 1 when that is missed, when one fired twice or never, or when the
// order is not that in which they were accepted.
package main

import (
	"context"
	"database/sql"
	"errors"
	"flag"
	"fmt"
	"log"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/google/uuid"

	"knutepunkt/internal/app"
	"knutepunkt/internal/jobs"
	"knutepunkt/internal/klokke"
	"knutepunkt/internal/levering"
	"knutepunkt/internal/mail"
	"knutepunkt/internal/store"
)

const (
	maksTid = 5 * time.Second // the bar: from the deadline to the last
	forlop  = 4 * time.Second // from the start of the first process to the deadline
	vent    = time.Hour       // how long each waits for its receipt
	navn    = "bench"         // of the source
)

func main() {
	log.SetFlags(0)
	n := flag.Int("n", 1000, "deadlines")
	runder := flag.Int("rounds", 5, "how often all is done anew")
	barn := flag.String("child", "", "keep time for the platform in that folder; used by the program itself")
	flag.Parse()
	ctx, slutt := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer slutt()
	if *barn != "" {
		if err := tidtaker(ctx, *barn); err != nil {
			log.Fatal(err)
		}
		return
	}
	ok := true
	for r := range *runder {
		godt, err := runde(ctx, r+1, *n)
		if err != nil {
			log.Fatal(err)
		}
		ok = ok && godt
	}
	if !ok {
		log.Fatal("a bar is missed")
	}
}

// hus is the delivery engine on a database of its own.
type hus struct {
	db   *store.DB
	jobb *jobs.Engine
	lev  *levering.Service
}

func bygg(ctx context.Context, dir string, k klokke.Klokke) (*hus, error) {
	db, ring, err := app.Grunnlag(ctx, dir, make([]byte, 32), k)
	if err != nil {
		return nil, err
	}
	stille := slog.New(slog.DiscardHandler)
	h := &hus{db: db, jobb: jobs.New(db, k, stille)}
	post := mail.NewService(db, ring, k, h.jobb, mail.NyListe(db, ring), "bench@example.org")
	h.lev = levering.NewService(db, k, h.jobb, post, stille, levering.Config{Margin: time.Nanosecond})
	h.lev.RegistrerKilde(navn, kilde{})
	for _, kanalen := range []string{levering.KanalFiksIO, levering.KanalSvarUt} {
		h.lev.RegistrerKanal(kanal{kanalen, db})
	}
	return h, nil
}

type kilde struct{}

func (kilde) Forsendelse(context.Context, levering.Levering, string) (levering.Forsendelse, error) {
	return levering.Forsendelse{}, nil
}
func (kilde) Endret(context.Context, *store.Tx, levering.Levering) error     { return nil }
func (kilde) Kontakter(context.Context, levering.Levering) ([]string, error) { return nil, nil }

type kanal struct {
	navn string
	db   *store.DB
}

func (k kanal) Navn() string { return k.navn }

func (k kanal) Send(ctx context.Context, _ levering.Levering, _ levering.Forsendelse, sendt func(*store.Tx) error) error {
	return k.db.Write(ctx, sendt)
}

// tidtaker is the process that keeps time.
func tidtaker(ctx context.Context, dir string) error {
	h, err := bygg(ctx, dir, klokke.System{})
	if err != nil {
		return err
	}
	if err := h.jobb.Start(ctx); err != nil {
		return err
	}
	<-ctx.Done()
	slutt, avbryt := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer avbryt()
	return errors.Join(h.jobb.Stop(slutt), h.db.Close())
}

func runde(ctx context.Context, nr, n int) (ok bool, err error) {
	dir, err := os.MkdirTemp("", "bench-frister-")
	if err != nil {
		return false, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	frist := time.Now().UTC().Truncate(time.Second).Add(forlop + 5*time.Second)
	if err := forbered(ctx, dir, n, frist); err != nil {
		return false, err
	}
	db, err := sql.Open("sqlite", "file:"+filepath.Join(dir, "knutepunkt.db")+"?_pragma=query_only(1)&_pragma=busy_timeout(10000)")
	if err != nil {
		return false, err
	}
	defer db.Close()
	forste, err := start(ctx, dir)
	if err != nil {
		return false, err
	}
	if err := ventPaa(ctx, db, n/3, frist.Add(time.Minute)); err != nil {
		return false, errors.Join(err, forste.Process.Kill())
	}
	_ = forste.Process.Kill() // SIGKILL
	_ = forste.Wait()         // says that it was killed
	foer, err := antall(ctx, db)
	if err != nil {
		return false, err
	}
	andre, err := start(ctx, dir)
	if err != nil {
		return false, err
	}
	defer func() { _ = andre.Process.Kill(); _ = andre.Wait() }()
	if err := ventPaa(ctx, db, n, frist.Add(time.Minute)); err != nil {
		return false, err
	}
	tid := time.Since(frist)
	if err := kontroller(ctx, db, n, frist); err != nil {
		return false, err
	}
	fmt.Printf("round %d: %d deadlines in one moment, killed after %d: all fired once and in order, %.2f of the bar of %s\n",
		nr, n, foer, tid.Seconds()/maksTid.Seconds(), maksTid)
	return tid <= maksTid, nil
}

// forbered makes n leveringer that wait for their receipts until frist.
func forbered(ctx context.Context, dir string, n int, frist time.Time) error {
	k := klokke.NyManuell(frist.Add(-vent))
	h, err := bygg(ctx, dir, k)
	if err != nil {
		return err
	}
	defer h.db.Close()
	err = h.db.Write(ctx, func(tx *store.Tx) error {
		for range n {
			id := uuid.Must(uuid.NewV7()).String() // ordered
			if err := h.lev.Opprett(ctx, tx, levering.Ny{ID: id, Kilde: navn, KildeID: id, FiksOrgID: uuid.NewString(),
				Plan: []levering.Steg{{Kanal: levering.KanalFiksIO, Frist: vent}, {Kanal: levering.KanalSvarUt, Frist: vent}}}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return h.jobb.RunDue(ctx)
}

func start(ctx context.Context, dir string) (*exec.Cmd, error) {
	selv, err := os.Executable()
	if err != nil {
		return nil, err
	}
	c := exec.CommandContext(ctx, selv, "-child", dir)
	c.Stderr = os.Stderr
	return c, c.Start()
}

const fyrt = `FROM leverings_historie WHERE tilstand = 'TTL_TIDSAVBRUDD'`

func antall(ctx context.Context, db *sql.DB) (n int, err error) {
	return n, db.QueryRowContext(ctx, `SELECT COUNT(*) `+fyrt).Scan(&n)
}

// ventPaa looks, as often as does not disturb, until n have fired.
func ventPaa(ctx context.Context, db *sql.DB, n int, senest time.Time) error {
	for {
		har, err := antall(ctx, db)
		switch {
		case err != nil:
			return err
		case har >= n:
			return nil
		case time.Now().After(senest):
			return fmt.Errorf("only %d of %d had fired a minute after the deadline", har, n)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// kontroller looks for what fired twice, too early, or out of order.
func kontroller(ctx context.Context, db *sql.DB, n int, frist time.Time) error {
	rows, err := db.QueryContext(ctx, `SELECT levering_id, tidspunkt `+fyrt+` ORDER BY rowid`)
	if err != nil {
		return err
	}
	defer rows.Close()
	forrige, sett := "", 0
	for rows.Next() {
		var id string
		var naar int64
		if err := rows.Scan(&id, &naar); err != nil {
			return err
		}
		if id <= forrige {
			return fmt.Errorf("levering %s fired after %s: twice, or out of order", id, forrige)
		}
		if store.Time(naar).Before(frist) {
			return fmt.Errorf("levering %s fired before its deadline", id)
		}
		forrige = id
		sett++
	}
	if sett != n {
		return fmt.Errorf("%d fired, want %d", sett, n)
	}
	return rows.Err()
}
