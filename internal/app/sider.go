package app

import (
	"fmt"

	"knutepunkt/internal/auth"
	"knutepunkt/internal/portal"
	"knutepunkt/internal/portal/bekymring"
	"knutepunkt/internal/portal/forvaltning"
	"knutepunkt/internal/portal/mottak"
)

// byggSider builds the pages on the rooms below them. What the caller brings beside them
// has its routes in Config.Ruter.
func (a *App) byggSider() (err error) {
	cfg := a.cfg.Portal
	cfg.BaseURL, cfg.Sesjonsklokke = a.cfg.BaseURL, a.cfg.Tokenklokke
	a.Portal, err = portal.New(portal.Deps{DB: a.DB, Ring: a.Ring, Klokke: a.cfg.Klokke, Jobber: a.Jobs}, cfg,
		append([]portal.Del{forvaltning.Del(), bekymring.Del(), mottak.Del()}, a.cfg.Sider...)...)
	if err != nil {
		return fmt.Errorf("building the pages: %w", err)
	}
	for _, s := range []interface{ Routes() []auth.Route }{
		a.Portal,
		forvaltning.New(a.Portal, forvaltning.Deps{Organisasjon: a.Org, FiksIO: a.FiksIO, Digisos: a.Digisos, SvarInn: a.SvarInn, Utlop: a.Utlop, Bekymring: a.Bekymringsmelding, AMQP: a.cfg.amqp()}),
		bekymring.New(a.Portal, bekymring.Deps{Melding: a.Bekymringsmelding, Organisasjon: a.Org}, a.cfg.Meldesider),
		mottak.New(a.Portal, mottak.Deps{Melding: a.Bekymringsmelding, Avstemming: []mottak.Avstemming{mottak.Bekymringsmelding(a.Bekymringsmelding), mottak.Digisos(a.Digisos)}}),
	} {
		a.sideruter = append(a.sideruter, s.Routes()...)
	}
	return nil
}
