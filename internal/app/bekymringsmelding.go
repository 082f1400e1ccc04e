package app

import (
	"fmt"

	"knutepunkt/internal/bekymringsmelding"
)

// byggBekymringsmelding builds the reports of concern on the rooms below them.
func (a *App) byggBekymringsmelding() (err error) {
	cfg := a.cfg.Bekymringsmelding
	cfg.BaseURL = a.cfg.BaseURL
	d := bekymringsmelding.Deps{DB: a.DB, Ring: a.Ring, Blobs: a.Blobs, Klokke: a.cfg.Klokke, Jobber: a.Jobs, Organisasjon: a.Org,
		Levering: a.Levering, FiksIO: a.FiksIO, Audit: a.Audit, Mail: a.Mail, Navn: a.cfg.Navn, Log: a.cfg.Log}
	if a.Print != nil {
		d.Print, cfg.PrintSertifikat = a.Print, a.cfg.SvarUt.Print.Sertifikat
	}
	if a.Bekymringsmelding, err = bekymringsmelding.New(d, cfg); err != nil {
		return fmt.Errorf("building Bekymringsmelding: %w", err)
	}
	return nil
}
