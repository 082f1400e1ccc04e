package sandbox

import (
	"context"
	"fmt"

	"knutepunkt/internal/app"
	"knutepunkt/internal/auth"
	"knutepunkt/internal/bekymringsmelding"
	"knutepunkt/internal/bekymringsmelding/skjema"
	"knutepunkt/internal/levering"
	"knutepunkt/internal/organisasjon"
	"knutepunkt/internal/store"
)

// portalensAdresse is where letters to the child-welfare offices return to.
var portalensAdresse = levering.Adresse{Navn: "Nasjonal portal for bekymringsmelding", Adresselinje1: "Postboks 1", Postnummer: "0001", Poststed: "Oslo"}

// navnPaa is the sandbox's folkeregister.
func navnPaa(_ context.Context, fnr string) (string, error) {
	for _, p := range personer {
		if p.Fnr == fnr {
			return p.Navn, nil
		}
	}
	return "", nil
}

// froBekymringsmelding makes the kommune's offices. Each takes its reports in its own
// way: the fagsystem by Fiks IO and by SvarInn with its own credentials, and the
// administrator by hand. The fagsystem may send reports too.
func froBekymringsmelding(ctx context.Context, a *app.App, k kommune) error {
	if len(k.Bydeler) == 0 {
		return nil
	}
	har, err := a.Bekymringsmelding.BydelerI(ctx, k.orgID())
	if err != nil {
		return err
	}
	if len(har) == len(k.Bydeler) {
		return nil
	}
	finnes := map[string]bool{}
	for _, b := range har {
		finnes[b.Bydelsnummer] = true
	}
	n, err := lesNokkelpar(k.Nummer)
	if err != nil {
		return err
	}
	for _, b := range k.Bydeler {
		if finnes[b.Bydelsnummer] {
			continue
		}
		konto := bekymringsmelding.Mottakskonto{Kanal: bekymringsmelding.Kanal(b.Mottakerkanal), Fagsystem: bekymringsmelding.FagsystemUkjent, StottetVersjon: b.versjon()}
		switch konto.Kanal {
		case bekymringsmelding.KanalFiksIO:
			konto.FiksIOKontoID = k.kontoID()
		case bekymringsmelding.KanalSvarInn:
			konto.IntegrasjonID, konto.Sertifikat = k.integrasjonID(), n.crt
		case bekymringsmelding.KanalManuell:
			konto.Fagsystem, konto.VarselEposter = bekymringsmelding.FagsystemManuell, []string{"barnevern@" + k.domene()}
		case bekymringsmelding.KanalPrint:
		}
		id := k.bydelID(b.Bydelsnummer)
		ny, err := a.Bekymringsmelding.OpprettBydel(ctx, k.orgID(), bekymringsmelding.NyBydel{RessursID: id, Bydelsnummer: b.Bydelsnummer, Navn: b.Navn,
			Adresse:   bekymringsmelding.Postadresse{Navn: "Barneverntjenesten i " + k.Navn, Adresselinje1: "Rådhusplassen 2", Postnummer: k.Nummer, Poststed: k.Navn},
			Kontakter: []string{"barnevern@" + k.domene()}, Konto: konto})
		if err != nil {
			return fmt.Errorf("bydel %s: %w", b.Bydelsnummer, err)
		}
		err = a.DB.Write(ctx, func(tx *store.Tx) error {
			if err := a.Org.GiTilgang(ctx, tx, auth.From(ctx), personer[len(personer)-1].Fnr, auth.BekymringMottak, ny.RessursID); err != nil {
				return err
			}
			return a.Org.GiTilgang(ctx, tx, auth.From(ctx), k.integrasjonID(), auth.BekymringMottak, ny.RessursID)
		})
		if err != nil {
			return err
		}
	}
	tjeneste, err := a.Org.TjenesteRessurs(ctx, k.orgID(), organisasjon.TypeBekymringsmelding)
	if err != nil {
		return err
	}
	return a.DB.Write(ctx, func(tx *store.Tx) error {
		if err := a.Org.GiTilgang(ctx, tx, auth.From(ctx), k.integrasjonID(), auth.BekymringSend, tjeneste); err != nil {
			return err
		}
		return a.Org.GiTypeTilgang(ctx, tx, auth.From(ctx), k.integrasjonID(), auth.BekymringSkjema, organisasjon.TypeBekymringsmelding)
	})
}

func (k kommune) bydelID(nummer string) string { return fastID("bydel", k.Nummer+nummer) }

// versjon is what the office's system reads: by hand everything can be read.
func (b Bydel) versjon() skjema.Versjon {
	if b.Mottakerkanal == string(bekymringsmelding.KanalManuell) {
		return skjema.V2
	}
	return skjema.V1
}
