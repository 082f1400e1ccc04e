package app

import (
	"context"
	"fmt"
	"time"

	"knutepunkt/internal/pdf"
	"knutepunkt/internal/store"
	"knutepunkt/internal/svarut"
	"knutepunkt/internal/svarut/altinn"
	"knutepunkt/internal/svarut/print"
	"knutepunkt/internal/svarut/svarinn"
)

// SvarUt is how letters reach those who are not on Fiks IO. A channel that is not
// set up is passed over; what no channel takes is kept, with an alarm.
type SvarUt struct {
	SvarInnGrense time.Duration // how long one waits in SvarInn before it goes on; 0: without end
	Altinn        altinn.Config // the zero value: no agreement, no channel
	Print         *Print        // nil: no supplier, no channel
}

// Print is the agreement with a print supplier.
type Print struct {
	print.Config
	Transport print.Transport
}

// byggSvarUt builds SvarUt with its channels.
func (a *App) byggSvarUt() (err error) {
	cfg, k, log := a.cfg, a.cfg.Klokke, a.cfg.Log
	// The channels are built first, and write to the history that SvarUt keeps.
	logg := func(ctx context.Context, tx *store.Tx, forsendelseID, tekst string) error {
		return a.SvarUt.Logg(ctx, tx, forsendelseID, tekst)
	}
	a.Roller = svarinn.Rolletabell{DB: a.DB, Ring: a.Ring}
	a.SvarInn, err = svarinn.New(svarinn.Deps{
		DB: a.DB, Ring: a.Ring, Klokke: k, Jobber: a.Jobs, Organisasjon: a.Org, Levering: a.Levering, Varsler: a.Mail,
		Audit: a.Audit, Roller: a.Roller, Log: log, Logg: logg,
	}, svarinn.Config{BaseURL: cfg.BaseURL})
	if err != nil {
		return fmt.Errorf("building SvarInn: %w", err)
	}
	a.Levering.RegistrerKanal(a.SvarInn.Kanal())
	if cfg.SvarUt.Altinn.Satt() {
		a.Altinn, err = altinn.New(altinn.Deps{
			DB: a.DB, Klokke: k, Tokenklokke: cfg.Tokenklokke, Jobs: a.Jobs, Kvitteringer: a.Levering, Log: log, Logg: logg,
		}, cfg.SvarUt.Altinn)
		if err != nil {
			return fmt.Errorf("building the channel to Altinn: %w", err)
		}
		a.Levering.RegistrerKanal(a.Altinn)
	}
	slettere := []func(context.Context, *store.Tx, string) error{a.SvarInn.Slett}
	if p := cfg.SvarUt.Print; p != nil {
		a.Print, err = print.New(print.Deps{
			DB: a.DB, Ring: a.Ring, Blobs: a.Blobs, Klokke: k, Jobs: a.Jobs, Levering: a.Levering,
			Transport: p.Transport, Varsler: a.Mail, Log: log, Logg: logg,
		}, p.Config)
		if err != nil {
			return fmt.Errorf("building the channel to print: %w", err)
		}
		a.Levering.RegistrerKanal(a.Print)
		slettere = append(slettere, a.Print.Slett)
	}
	trykkeri := pdf.Ny(1)
	a.SvarUt, err = svarut.New(svarut.Deps{
		DB: a.DB, Ring: a.Ring, Klokke: k, Jobber: a.Jobs, Organisasjon: a.Org, Dokumentlager: a.Dokumentlager,
		Levering: a.Levering, Audit: a.Audit, Tilgang: a.Org, Log: log, PrintAdresse: print.ValiderAdresse,
		SjekkPDF: func(ctx context.Context, f svarut.Fil) (int, error) {
			info, err := trykkeri.Sjekk(ctx, f)
			return info.Sider, err
		},
		Mottakersystemer: func(ctx context.Context, orgnr, forsendelseType string, niva int) ([]svarut.Mottakersystem, error) {
			rader, err := a.SvarInn.Mottakersystemer(ctx, orgnr, forsendelseType, niva)
			ut := make([]svarut.Mottakersystem, len(rader))
			for i, r := range rader {
				ut[i] = svarut.Mottakersystem{ID: r.ID, Navn: r.Navn, Orgnr: r.Orgnr, ForsendelseType: r.ForsendelseType, Niva: r.Niva}
			}
			return ut, err
		},
		Slettere: slettere,
	}, svarut.Config{PlattformOrgID: cfg.PlattformOrgID, BaseURL: cfg.BaseURL, SvarInnGrense: cfg.SvarUt.SvarInnGrense,
		Forsendelsestyper: svarinn.Forsendelsestyper()})
	if err != nil {
		return fmt.Errorf("building SvarUt: %w", err)
	}
	a.Levering.RegistrerKanal(a.SvarUt.Kanal())
	return nil
}
