package grunntest_test

import (
	"testing"
	"time"

	"knutepunkt/internal/grunntest"
	"knutepunkt/internal/store"
)

func TestEpostOverlever(t *testing.T) {
	t.Parallel()
	g := grunntest.Ny(t)
	err := g.DB.Write(t.Context(), func(tx *store.Tx) error {
		return g.Mail.Send(t.Context(), tx, []string{"a@example.no", "b@example.no", "A@example.no"}, "Hei", "Tekst")
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := g.DB.Close(); err != nil { // before it was sent
		t.Fatal(err)
	}
	g = grunntest.Aapne(t, g.Dir, g.Klokke)
	g.Frem(t, time.Minute)
	all, err := g.Epost.Alle(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(all) != 2 || all[0].Subject != "Hei" || all[0].To[0] == all[1].To[0] || !all[0].Time.Equal(grunntest.Start) {
		t.Fatalf("got %+v", all)
	}
}
