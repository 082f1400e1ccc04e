package svarut

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"

	"knutepunkt/internal/audit"
	"knutepunkt/internal/auth"
	"knutepunkt/internal/dokumentlager"
	"knutepunkt/internal/feil"
	"knutepunkt/internal/store"
)

func errDokument() error { return feil.Ny(feil.IkkeFunnet, "Dokumentet finnes ikke") }

// ForPerson finds a document, nr from 1, for somebody who may download it: the
// receiver, or whom it is exposed to. feil.IkkeFunnet for everybody else,
// feil.IngenTilgang when the login level is too low, feil.Slettet.
func (s *Service) ForPerson(ctx context.Context, c auth.Caller, id string, nr int) (Forsendelse, Dokument, error) {
	f, err := s.Hent(ctx, id)
	if feil.Er(err, feil.IkkeFunnet) {
		return f, Dokument{}, errDokument()
	} else if err != nil {
		return f, Dokument{}, err
	}
	ok := c.Fnr != "" && (c.Fnr == f.Post.Mottaker.Fnr || slices.Contains(f.Post.EksponertFor, c.Fnr))
	switch {
	case !ok || nr < 1 || nr > len(f.Dokumenter):
		return Forsendelse{}, Dokument{}, errDokument()
	case c.Niva < f.Niva:
		return Forsendelse{}, Dokument{}, feil.Ny(feil.IngenTilgang, "Forsendelsen krever innlogging på nivå %d", f.Niva)
	case f.FilerBorte:
		return Forsendelse{}, Dokument{}, feil.Ny(feil.Slettet, "Dokumentet er slettet")
	}
	return f, f.Dokumenter[nr-1], nil
}

// LastetNed records that the receiver has a document in full; when that is so
// of all of them, the forsendelse is read (§4). Others' downloads change nothing.
func (s *Service) LastetNed(ctx context.Context, c auth.Caller, f Forsendelse, nr int) error {
	if c.Fnr != f.Post.Mottaker.Fnr {
		return nil
	}
	return s.DB.Write(ctx, func(tx *store.Tx) error {
		t, err := hentTilstand(ctx, tx, f.ID)
		if err != nil || t.status == Lest {
			return err
		}
		if _, err := tx.ExecContext(ctx, `INSERT INTO svarut_nedlastinger (forsendelse, nr) VALUES ($1, $2) ON CONFLICT DO NOTHING`, f.ID, nr); err != nil {
			return fmt.Errorf("noting a download of %s: %w", f.ID, err)
		}
		var antall int
		if err := tx.QueryRowContext(ctx, `SELECT count(*) FROM svarut_nedlastinger WHERE forsendelse = $1`, f.ID).Scan(&antall); err != nil {
			return fmt.Errorf("counting the downloads of %s: %w", f.ID, err)
		}
		if antall < len(f.Dokumenter) {
			return nil
		}
		return s.lest(ctx, tx, t, c.Fnr, "SVARUT_LEST", "mottaker har lastet ned alle dokumentene")
	})
}

// lastNed is the download that NAV and letters link to.
func (s *Service) lastNed(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	caller := auth.From(ctx)
	id, err := uuidSti(r, "forsendelseId")
	nr, talfeil := strconv.Atoi(r.PathValue("nr"))
	if err != nil || talfeil != nil {
		return errDokument()
	}
	f, d, err := s.ForPerson(ctx, caller, id, nr)
	if err != nil {
		return err
	}
	innhold, m, err := s.Dokumentlager.Apne(ctx, d.ID, 0)
	if err != nil {
		return err
	}
	defer innhold.Close()
	if r.Method == http.MethodHead {
		dokumentlager.SkrivHoder(w, m, false)
		return nil
	}
	konto, err := s.Konto(ctx, f.KontoID)
	if err != nil {
		return err
	}
	err = s.DB.Write(ctx, func(tx *store.Tx) error {
		return s.logg(ctx, tx, audit.Hendelse{FiksOrg: konto.FiksOrgID, Gjelder: f.Post.Mottaker.Fnr, Underressurs: id, Payload: d.ID, Handling: "SVARUT_LASTET_NED"})
	})
	if err != nil {
		return err
	}
	dokumentlager.SkrivHoder(w, m, false)
	if _, err := io.Copy(w, innhold); err != nil {
		return fmt.Errorf("sending document %d of %s: %w", nr, id, err)
	}
	return s.LastetNed(context.WithoutCancel(ctx), caller, f, nr)
}
