package sandbox

import (
	"context"
	"fmt"
	"time"

	"knutepunkt/internal/digisos"
	"knutepunkt/internal/portal/utvikler"
	"knutepunkt/internal/svarut"
)

// verktoy is the sandbox as the developers' pages see it.
type verktoy struct{ *Sandbox }

// Beskrivelse is sandbox.json, as the pages show it.
func (v verktoy) Beskrivelse() utvikler.Beskrivelse {
	b := v.beskrivelse
	ut := utvikler.Beskrivelse{BaseURL: b.BaseURL, AMQP: fmt.Sprintf("amqp://%s:%d", b.AMQP.Host, b.AMQP.Port),
		AMQPS: fmt.Sprintf("amqps://%s:%d", b.AMQP.Host, b.AMQP.TLSPort), CA: b.AMQP.CACertificate,
		Maskinporten: b.Maskinporten.Issuer, IDPorten: b.IDPorten.Issuer, NAV: somIntegrasjon(b.NAV)}
	for _, k := range b.Kommuner {
		ut.Kommuner = append(ut.Kommuner, utvikler.Kommune{Nummer: k.Kommunenummer, Navn: k.Navn, OrgID: k.FiksOrgID, Orgnr: k.Organisasjonsnummer,
			Kanal: k.DigisosKanal, Fagsystem: somIntegrasjon(k.Fagsystem.Integrasjon), KontoID: k.Fagsystem.FiksIOKontoID,
			Nokkel: k.Fagsystem.PrivateKey, Sertifikat: k.Fagsystem.Certificate})
	}
	for _, p := range b.Personer {
		ut.Personer = append(ut.Personer, utvikler.Person{Fnr: p.Fnr, Navn: p.Navn, Rolle: p.Roller[0]})
	}
	return ut
}

func somIntegrasjon(i Integrasjon) utvikler.Integrasjon {
	return utvikler.Integrasjon{Orgnr: i.Organisasjonsnummer, ID: i.IntegrasjonID, Passord: i.IntegrasjonPassord}
}

// Maskinporten issues an organisation's token.
func (v verktoy) Maskinporten(orgnr, scope string) (string, error) {
	return v.utsteder.Maskinporten(orgnr, scope)
}

// IDPorten issues a person's token.
func (v verktoy) IDPorten(pid, acr, orgnr string) (string, error) {
	return v.utsteder.IDPorten(pid, acr, orgnr)
}

// sporAntall is how many messages are shown.
const sporAntall = 50

// Siste are the newest messages.
func (v verktoy) Siste(ctx context.Context) ([]utvikler.Melding, error) {
	ls, err := v.App.Levering.Siste(ctx, sporAntall)
	if err != nil {
		return nil, err
	}
	var ut []utvikler.Melding
	for _, l := range ls {
		m := utvikler.Melding{ID: l.KildeID, Kilde: l.Kilde, Tilstand: string(l.Tilstand), Kanal: l.Kanal, Neste: l.NesteSteg, Endret: l.Endret, Alarm: l.Alarm}
		if l.Kilde == digisos.KildeSoknad || l.Kilde == svarut.Kilde {
			m.Spor = "/sandbox/spor/" + l.KildeID
		}
		ut = append(ut, m)
	}
	return ut, nil
}

// Klokke is the platform's time.
func (v verktoy) Klokke() time.Time { return v.klokke.Now() }

// Frem moves the clock; what falls due on the way has been done when it returns.
func (v verktoy) Frem(ctx context.Context, d time.Duration) error {
	return v.flytt(ctx, func(naa time.Time) time.Time { return naa.Add(d) })
}

// Feil are the faults in force.
func (v verktoy) Feil() (ut []utvikler.Feil) {
	v.feil.mu.Lock()
	defer v.feil.mu.Unlock()
	for _, f := range v.feil.feil {
		x := utvikler.Feil{Sti: f.Path, Metode: f.Method, Virkning: f.Effect, Status: f.Status, Antall: f.Count, Prosent: 100, Slag: f.Struck}
		if f.Probability != nil {
			x.Prosent = int(*f.Probability*100 + 0.5)
		}
		ut = append(ut, x)
	}
	return ut
}

// LeggTilFeil takes a fault into force.
func (v verktoy) LeggTilFeil(f utvikler.Feil) error {
	ny := injisertFeil{Path: f.Sti, Method: f.Metode, Effect: f.Virkning, Status: f.Status, Count: f.Antall}
	if f.Prosent > 0 {
		p := float64(f.Prosent) / 100
		ny.Probability = &p
	}
	_, err := v.feil.leggTil(ny)
	return err
}

// FjernFeil takes all faults away.
func (v verktoy) FjernFeil() { v.feil.fjern() }
