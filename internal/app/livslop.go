package app

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"time"

	"knutepunkt/internal/feil"
	"knutepunkt/internal/httpx"
	"knutepunkt/internal/store"
)

// Version is the revision that the binary was built from, as the Go toolchain
// recorded it.
func Version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && len(s.Value) >= 12 {
			return s.Value[:12]
		}
	}
	return info.Main.Version
}

// Start begins to work and to serve, and returns when /readyz answers 200.
func (a *App) Start(ctx context.Context) error {
	if err := a.Jobs.Start(ctx); err != nil {
		return fmt.Errorf("starting the jobs: %w", err)
	}
	for _, ln := range []net.Listener{a.cfg.AMQP, a.cfg.AMQPS} {
		if ln != nil {
			a.gruppe.Go(func() error { return a.AMQP.Serve(ln) })
		}
	}
	a.gruppe.Go(func() error {
		if err := a.server.Serve(a.cfg.HTTP); !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return nil
	})
	a.klar.Store(true)
	return nil
}

// Wait blocks until everything that serves has ended, and gives the first error.
func (a *App) Wait() error { return a.gruppe.Wait() }

// Stop drains: no new work is taken, what runs may end until ctx does, then the
// database is closed.
func (a *App) Stop(ctx context.Context) error {
	a.klar.Store(false)
	var feilene []error
	legg := func(hva string, err error) {
		if err != nil {
			feilene = append(feilene, fmt.Errorf("%s: %w", hva, err))
		}
	}
	if err := a.server.Shutdown(ctx); err != nil {
		legg("stopping HTTP", errors.Join(err, a.server.Close()))
	}
	legg("stopping AMQP", a.AMQP.Shutdown(ctx))
	legg("stopping the jobs", a.Jobs.Stop(ctx))
	legg("serving", a.gruppe.Wait())
	a.Blobs.Wait()
	legg("closing the database", a.DB.Close())
	legg("closing the segments of blobs", a.segmenter.Close())
	return errors.Join(feilene...)
}

// tell counts the requests under way.
func (a *App) tell(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a.igang.Add(1)
		defer a.igang.Add(-1)
		h.ServeHTTP(w, r)
	})
}

// trykkHuskes is how long pressure is remembered: when a commit answers many
// requests at once, their successors are on their way.
const trykkHuskes = 50 * time.Millisecond

// opptatt: requests wait for a processor, or did so a moment ago. Many that wait
// for something else, such as slow senders, are no reason to hold anything back.
func (a *App) opptatt() bool {
	naa := time.Now()
	if a.igang.Load() > int64(2*runtime.GOMAXPROCS(0)) {
		koe := []metrics.Sample{{Name: "/sched/goroutines/runnable:goroutines"}}
		if metrics.Read(koe); koe[0].Value.Uint64() > 0 {
			a.trykk.Store(&naa)
		}
	}
	sist := a.trykk.Load()
	return sist != nil && naa.Sub(*sist) < trykkHuskes
}

type helse struct {
	Status string `json:"status"`
}

// healthz tells that the process runs.
func (a *App) healthz(w http.ResponseWriter, _ *http.Request) error {
	return httpx.JSON(w, http.StatusOK, helse{"UP"})
}

// readyz tells that the platform takes work: it is started, and a commit gets through.
func (a *App) readyz(w http.ResponseWriter, r *http.Request) error {
	if !a.klar.Load() {
		return feil.Ny(feil.Utilgjengelig, "Plattformen starter eller stopper")
	}
	if err := a.DB.Write(r.Context(), func(*store.Tx) error { return nil }); err != nil {
		return feil.Ny(feil.Utilgjengelig, "Databasen svarer ikke").Med(err)
	}
	return httpx.JSON(w, http.StatusOK, helse{"UP"})
}
