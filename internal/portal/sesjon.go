package portal

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"knutepunkt/internal/auth"
	"knutepunkt/internal/jobs"
	"knutepunkt/internal/store"
)

// gjemmetid is how long a session that has run out is kept, for the form that
// its person was filling in meanwhile.
const gjemmetid = 30 * time.Minute

// sesjon is a person's login on these pages. The browser holds 256 random bits;
// here lies their digest, so that nobody can log in with a copy of the database.
type sesjon struct {
	id        string // the digest
	Fnr       string `json:"fnr"`
	Niva      int    `json:"niva"`
	opprettet time.Time
	sist      time.Time
	harSkjema bool
}

// slutt is when the session runs out if nothing more is asked for.
func (s sesjon) slutt() time.Time {
	ledig, alt := s.sist.Add(Ledig), s.opprettet.Add(Absolutt)
	if alt.Before(ledig) {
		return alt
	}
	return ledig
}

// skjemaData is what was filled in where.
type skjemaData struct {
	Sti  string     `json:"sti"`
	Felt url.Values `json:"felt"`
}

func sesjonSted(id string) string { return "portal.sesjon:" + id }
func skjemaSted(id string) string { return "portal.sesjon.skjema:" + id }

// personNokkel is how a person is stored.
func (p *Portal) personNokkel(fnr string) string { return p.Ring.Lookup("portal.person", fnr) }

// forsegl encodes and seals a column, apne reads it back.
func (p *Portal) forsegl(sted string, v any) ([]byte, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("encoding: %w", err)
	}
	return p.Ring.Seal(sted, b)
}

func (p *Portal) apne(sted string, forseglet []byte, v any) error {
	b, err := p.Ring.Open(sted, forseglet)
	if err != nil {
		return fmt.Errorf("opening: %w", err)
	}
	return json.Unmarshal(b, v)
}

// kakenavn prefixes a cookie's name so that browsers hold it to this host and to
// HTTPS; over plain HTTP, on a developer's machine, they would refuse it.
func (p *Portal) kakenavn(navn string) string {
	if p.sikker {
		return "__Host-" + navn
	}
	return navn
}

func (p *Portal) settKake(w http.ResponseWriter, navn, verdi string, maks time.Duration) {
	c := &http.Cookie{Name: p.kakenavn(navn), Value: verdi, Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode, //nolint:gosec // plain HTTP is a developer's machine
		Secure: p.sikker}
	if c.MaxAge = int(maks.Seconds()); verdi == "" {
		c.MaxAge = -1
	}
	http.SetCookie(w, c)
}

const sesjonskake = "sesjon"

// sesjonID is the digest of the request's session cookie; "" without one.
func (p *Portal) sesjonID(r *http.Request) string {
	c, err := r.Cookie(p.kakenavn(sesjonskake))
	if err != nil {
		return ""
	}
	b, err := base64.RawURLEncoding.DecodeString(c.Value)
	if err != nil || len(b) != 32 {
		return ""
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// Request implements auth.Kilde by the session cookie. A session that has run
// out is nobody's.
func (p *Portal) Request(r *http.Request) (auth.Caller, error) {
	s, levende, err := p.sesjon(r)
	if err != nil || !levende {
		return auth.Caller{Slag: auth.Anonym}, err
	}
	// To the minute: a page costs no commit.
	if p.ur.Now().Sub(s.sist) >= time.Minute {
		if err := p.ror(r.Context(), s); err != nil {
			return auth.Caller{}, err
		}
	}
	return auth.Caller{Slag: auth.Person, Fnr: s.Fnr, Niva: s.Niva, ClientID: p.cfg.OIDC.ClientID}, nil
}

// ror notes that a session is in use.
func (p *Portal) ror(ctx context.Context, s sesjon) error {
	err := p.DB.Write(ctx, func(tx *store.Tx) error {
		_, err := tx.ExecContext(ctx, `UPDATE portal_sesjoner SET sist = $2 WHERE id = $1`, s.id, store.Micros(p.ur.Now()))
		return err
	})
	if err != nil {
		return fmt.Errorf("prolonging a session: %w", err)
	}
	return nil
}

// sesjon finds the session of a request; not levende when it has run out. The
// zero sesjon when there is none.
func (p *Portal) sesjon(r *http.Request) (s sesjon, levende bool, err error) {
	id := p.sesjonID(r)
	if id == "" {
		return s, false, nil
	}
	var innhold []byte
	var opprettet, sist int64
	err = p.DB.Read().QueryRowContext(r.Context(), `SELECT innhold, opprettet, sist, CASE WHEN skjema IS NULL THEN 0 ELSE 1 END
		FROM portal_sesjoner WHERE id = $1`, id).Scan(&innhold, &opprettet, &sist, &s.harSkjema)
	if errors.Is(err, sql.ErrNoRows) {
		return sesjon{}, false, nil
	} else if err != nil {
		return sesjon{}, false, fmt.Errorf("reading a session: %w", err)
	}
	if err := p.apne(sesjonSted(id), innhold, &s); err != nil {
		return sesjon{}, false, fmt.Errorf("a session: %w", err)
	}
	s.id, s.opprettet, s.sist = id, store.Time(opprettet), store.Time(sist)
	return s, p.ur.Now().Before(s.slutt()), nil
}

// nySesjon logs a person in: the browser gets a new cookie, and the session
// that it had ends. A form that was kept for the same person comes along.
func (p *Portal) nySesjon(w http.ResponseWriter, r *http.Request, fnr string, niva int) error {
	ctx := r.Context()
	var b [32]byte
	_, _ = rand.Read(b[:]) // never fails
	sum := sha256.Sum256(b[:])
	s := sesjon{id: hex.EncodeToString(sum[:]), Fnr: fnr, Niva: niva}
	innhold, err := p.forsegl(sesjonSted(s.id), s)
	if err != nil {
		return err
	}
	gammel, _, err := p.sesjon(r)
	if err != nil {
		return err
	}
	var skjema any // null
	if gammel.Fnr == fnr && gammel.harSkjema {
		f, err := p.gjemtSkjema(ctx, gammel)
		if err != nil {
			return err
		}
		if skjema, err = p.forsegl(skjemaSted(s.id), f); err != nil {
			return err
		}
	}
	naa := store.Micros(p.ur.Now())
	err = p.DB.Write(ctx, func(tx *store.Tx) error {
		if _, err := tx.ExecContext(ctx, `DELETE FROM portal_sesjoner WHERE id = $1`, gammel.id); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `INSERT INTO portal_sesjoner (id, person, innhold, opprettet, sist, skjema) VALUES ($1,$2,$3,$4,$5,$6)`,
			s.id, p.personNokkel(fnr), innhold, naa, naa, skjema)
		return err
	})
	if err != nil {
		return fmt.Errorf("storing a session: %w", err)
	}
	p.settKake(w, sesjonskake, base64.RawURLEncoding.EncodeToString(b[:]), 0) // with the browser it ends
	return nil
}

// Avslutt ends the session of a request, if it has one.
func (p *Portal) Avslutt(w http.ResponseWriter, r *http.Request) error { return p.avslutt(w, r, false) }

// avslutt ends the session of a request, or all of its person's.
func (p *Portal) avslutt(w http.ResponseWriter, r *http.Request, alle bool) error {
	ctx := r.Context()
	s, _, err := p.sesjon(r)
	if err != nil {
		return err
	}
	p.settKake(w, sesjonskake, "", 0)
	if s.id == "" {
		return nil
	}
	sql, verdi := `DELETE FROM portal_sesjoner WHERE id = $1`, s.id
	if alle {
		sql, verdi = `DELETE FROM portal_sesjoner WHERE person = $1`, p.personNokkel(s.Fnr)
	}
	err = p.DB.Write(ctx, func(tx *store.Tx) error {
		_, err := tx.ExecContext(ctx, sql, verdi)
		return err
	})
	if err != nil {
		return fmt.Errorf("ending a session: %w", err)
	}
	return nil
}

// gjem keeps the form of a request whose session has run out, until its person
// logs in again.
func (p *Portal) gjem(r *http.Request, s sesjon) error {
	if err := r.ParseForm(); err != nil || len(r.PostForm) == 0 {
		return nil //nolint:nilerr // nothing that can be kept
	}
	b, err := p.forsegl(skjemaSted(s.id), skjemaData{r.URL.Path, r.PostForm})
	if err != nil {
		return err
	}
	err = p.DB.Write(r.Context(), func(tx *store.Tx) error {
		_, err := tx.ExecContext(r.Context(), `UPDATE portal_sesjoner SET skjema = $2 WHERE id = $1`, s.id, b)
		return err
	})
	if err != nil {
		return fmt.Errorf("keeping a form: %w", err)
	}
	return nil
}

func (p *Portal) gjemtSkjema(ctx context.Context, s sesjon) (f skjemaData, err error) {
	var b []byte
	if err := p.DB.Read().QueryRowContext(ctx, `SELECT skjema FROM portal_sesjoner WHERE id = $1`, s.id).Scan(&b); err != nil {
		return f, fmt.Errorf("reading a kept form: %w", err)
	}
	return f, p.apne(skjemaSted(s.id), b, &f)
}

// Gjenopprettet gives what was filled in on this page when the login ran out;
// nil when nothing was.
func (p *Portal) Gjenopprettet(r *http.Request) (url.Values, error) {
	s, levende, err := p.sesjon(r)
	if err != nil || !levende || !s.harSkjema {
		return nil, err
	}
	f, err := p.gjemtSkjema(r.Context(), s)
	if err != nil || f.Sti != r.URL.Path {
		return nil, err
	}
	return f.Felt, nil
}

// GlemSkjema forgets the form that was kept of this page, since it has been sent again, or
// of a page under one of the paths. Another page's waits for its person.
func (p *Portal) GlemSkjema(r *http.Request, under ...string) error {
	s, _, err := p.sesjon(r)
	if err != nil || !s.harSkjema {
		return err
	}
	f, err := p.gjemtSkjema(r.Context(), s)
	if err != nil {
		return err
	}
	if f.Sti != r.URL.Path && !slices.ContainsFunc(under, func(u string) bool { return strings.HasPrefix(f.Sti, u) }) {
		return nil
	}
	return p.DB.Write(r.Context(), func(tx *store.Tx) error {
		_, err := tx.ExecContext(r.Context(), `UPDATE portal_sesjoner SET skjema = NULL WHERE id = $1`, s.id)
		return err
	})
}

// feiing deletes, every hour, sessions that have run out and drafts that nobody
// has gone on with.
func (p *Portal) feiing() {
	var neste atomic.Int64
	neste.Store(store.Micros(p.Klokke.Now().Add(time.Hour)))
	p.Jobber.AddDuty(jobs.Duty{
		Name: "portal.feiing",
		Next: func(context.Context) (time.Time, error) { return store.Time(neste.Load()), nil },
		RunOnce: func(ctx context.Context, naa time.Time) error {
			neste.Store(store.Micros(naa.Add(time.Hour)))
			return p.fei(ctx)
		},
	})
}

func (p *Portal) fei(ctx context.Context) error {
	ur := p.ur.Now()
	err := p.DB.Write(ctx, func(tx *store.Tx) error {
		if _, err := tx.ExecContext(ctx, `DELETE FROM portal_sesjoner WHERE sist < $1 OR opprettet < $2`,
			store.Micros(ur.Add(-Ledig-gjemmetid)), store.Micros(ur.Add(-Absolutt-gjemmetid))); err != nil {
			return err
		}
		for skjema, liv := range p.liv {
			if _, err := tx.ExecContext(ctx, `DELETE FROM portal_utkast WHERE skjema = $1 AND endret <= $2`, skjema, store.Micros(p.Klokke.Now().Add(-liv))); err != nil {
				return err
			}
		}
		_, err := tx.ExecContext(ctx, `DELETE FROM portal_utkast WHERE endret <= $1`, store.Micros(p.Klokke.Now().Add(-Utkasttid)))
		return err
	})
	if err != nil {
		return fmt.Errorf("sweeping sessions and drafts: %w", err)
	}
	return nil
}
