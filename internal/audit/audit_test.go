package audit

import (
	"bytes"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"knutepunkt/internal/auth"
	"knutepunkt/internal/grunntest"
	"knutepunkt/internal/store"
)

const fnr = "13889812345"

func nyttLogg(t *testing.T, antall int) (*grunntest.Grunn, *Service) {
	t.Helper()
	g := grunntest.Ny(t, Migrations())
	s := NewService(g.DB, g.Ring, g.Klokke)
	for range antall {
		err := g.DB.Write(t.Context(), func(tx *store.Tx) error {
			return s.Logg(t.Context(), tx, Hendelse{
				Principal: auth.Caller{Slag: auth.Integrasjon, IntegrasjonID: "nav", Orgnr: "889640782"},
				Gjelder:   fnr, FiksOrg: "org", Tjeneste: "TJENESTE_DIGISOS", Handling: "NAV_HENT_SOKNAD", RequestID: "spor " + fnr,
			})
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return g, s
}

func TestHelKjede(t *testing.T) {
	t.Parallel()
	_, s := nyttLogg(t, 5)
	res, err := s.Verify(t.Context(), nil)
	if err != nil || res.Brudd != 0 || res.Antall != 5 {
		t.Fatalf("%+v %v", res, err)
	}
	funn, err := s.List(t.Context(), Filter{Gjelder: fnr, FiksOrg: "org", RequestID: "spor " + fnr})
	if err != nil || len(funn) != 5 {
		t.Fatalf("%d events, %v", len(funn), err)
	}
	if h := funn[4]; h.Seq != 5 || h.Gjelder != fnr || h.Principal.IntegrasjonID != "nav" || h.Tidspunkt.IsZero() {
		t.Errorf("the event came back as %+v", h)
	}
	if funn, err := s.List(t.Context(), Filter{Gjelder: "01810112345"}); err != nil || len(funn) != 0 {
		t.Errorf("%d events about somebody else, %v", len(funn), err)
	}
}

// Whoever can write the database but has no key is found out.
func TestTuklingBlirFunnet(t *testing.T) {
	t.Parallel()
	for navn, tt := range map[string]struct {
		sql   string
		brudd int64
	}{
		"clear column":       {`UPDATE audit_hendelser SET handling = 'NAV_HENT_SOKNAC' WHERE seq = 3`, 3},
		"time":               {`UPDATE audit_hendelser SET tidspunkt = tidspunkt + 1 WHERE seq = 2`, 2},
		"one sealed byte":    {`UPDATE audit_hendelser SET data = CAST(substr(data, 1, length(data) - 1) || CASE WHEN hex(substr(data, -1)) = '00' THEN x'01' ELSE x'00' END AS BLOB) WHERE seq = 4`, 4},
		"link":               {`UPDATE audit_hendelser SET kjede = replace(kjede, substr(kjede, 1, 1), '!') WHERE seq = 1`, 1},
		"row taken out":      {`DELETE FROM audit_hendelser WHERE seq = 3`, 3},
		"first row":          {`DELETE FROM audit_hendelser WHERE seq = 1`, 1},
		"end cut off":        {`DELETE FROM audit_hendelser WHERE seq = 5`, 5},
		"renumbered":         {`UPDATE audit_hendelser SET seq = seq - 1 WHERE seq > 9 OR seq = 9`, 0},
		"all taken out":      {`DELETE FROM audit_hendelser`, 1},
		"rows swapped":       {`UPDATE audit_hendelser SET data = (SELECT data FROM audit_hendelser b WHERE b.seq = 2) WHERE seq = 3`, 3},
		"head put back":      {`UPDATE audit_hode SET seq = 4`, 4},
		"head taken out":     {`DELETE FROM audit_hode`, 1},
		"citizen taken away": {`UPDATE audit_hendelser SET gjelder = '' WHERE seq = 5`, 5},
	} {
		t.Run(navn, func(t *testing.T) {
			t.Parallel()
			g, s := nyttLogg(t, 5)
			err := g.DB.Write(t.Context(), func(tx *store.Tx) error {
				_, err := tx.ExecContext(t.Context(), tt.sql)
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			res, err := s.Verify(t.Context(), nil)
			if err != nil || res.Brudd != tt.brudd {
				t.Fatalf("%+v %v, want the break at %d", res, err, tt.brudd)
			}
		})
	}
}

// An event is there exactly when the action is.
func TestHendelseFolgerTransaksjonen(t *testing.T) {
	t.Parallel()
	g, s := nyttLogg(t, 1)
	err := g.DB.Write(t.Context(), func(tx *store.Tx) error {
		if err := s.Logg(t.Context(), tx, Hendelse{Handling: "X"}); err != nil {
			return err
		}
		return sql.ErrTxDone
	})
	if !errors.Is(err, sql.ErrTxDone) {
		t.Fatal(err)
	}
	if res, err := s.Verify(t.Context(), nil); err != nil || res.Brudd != 0 || res.Antall != 1 {
		t.Fatalf("%+v %v", res, err)
	}
}

func TestIngenFnrLagret(t *testing.T) {
	t.Parallel()
	g, _ := nyttLogg(t, 3)
	var filer int
	err := filepath.WalkDir(g.Dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		filer++
		if bytes.Contains(data, []byte(fnr)) {
			t.Errorf("%s holds the fødselsnummer", strings.TrimPrefix(path, g.Dir))
		}
		return nil
	})
	if err != nil || filer == 0 {
		t.Fatalf("%d files searched, %v", filer, err)
	}
}
