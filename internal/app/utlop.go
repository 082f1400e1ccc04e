package app

import (
	"context"
	"fmt"

	"knutepunkt/internal/keys"
	"knutepunkt/internal/utlop"
)

// byggUtlop builds the room that tells of what expires, and shows it all there is.
func (a *App) byggUtlop() (err error) {
	a.Utlop, err = utlop.New(utlop.Deps{
		DB: a.DB, Klokke: a.cfg.Klokke, Jobber: a.Jobs, Organisasjon: a.Org, Varsler: a.Mail, Log: a.cfg.Log,
	}, utlop.Config{PlattformOrgID: a.cfg.PlattformOrgID, DriftEpost: a.cfg.DriftEpost, BaseURL: a.cfg.BaseURL})
	if err != nil {
		return fmt.Errorf("building the warnings of what expires: %w", err)
	}
	a.Utlop.Registrer(a.FiksIO.Sertifikatutlop)
	a.Utlop.Registrer(a.SvarInn.Sertifikatutlop)
	a.Utlop.Registrer(a.plattformutlop)
	return nil
}

// plattformutlop hands in the platform's own: the current key of each purpose, and
// its certificate in Maskinporten where the channel to Altinn has one.
func (a *App) plattformutlop(ctx context.Context, fiksOrgID string) ([]utlop.Post, error) {
	if fiksOrgID != "" && fiksOrgID != a.cfg.PlattformOrgID {
		return nil, nil
	}
	var ut []utlop.Post
	for _, formaal := range []keys.Formaal{keys.Dokumentlager, keys.Signering} {
		nokler, err := a.Ring.Platform(ctx, formaal)
		if err != nil {
			return nil, fmt.Errorf("finding the platform's %s key: %w", formaal, err)
		}
		ut = append(ut, utlop.Post{Slag: utlop.Plattformnokkel, ID: string(formaal), Navn: string(formaal), Utloper: nokler[0].Certificate.NotAfter})
	}
	if kjede := a.cfg.SvarUt.Altinn.Sertifikat; len(kjede) > 0 {
		ut = append(ut, utlop.Post{Slag: utlop.Altinn, ID: "maskinporten", Navn: "Altinn", Utloper: kjede[0].NotAfter})
	}
	return ut, nil
}
