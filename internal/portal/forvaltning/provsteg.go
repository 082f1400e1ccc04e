package forvaltning

import (
	"context"
	"crypto/x509"
	"strconv"
	"time"

	"knutepunkt/internal/auth"
	"knutepunkt/internal/digisos"
	"knutepunkt/internal/feil"
	"knutepunkt/internal/fiksio"
	"knutepunkt/internal/organisasjon"
	"knutepunkt/internal/portal"
	"knutepunkt/internal/svarut/svarinn"
)

// AMQP is where fagsystemer connect; without Vert the pages do not say.
type AMQP struct {
	Vert string
	Port int
	TLS  bool
}

// stegtilstand is how far a step of a test is.
type stegtilstand int

const (
	stegVenter   stegtilstand = iota // it comes later
	stegPaagaar                      // it is what the test waits for
	stegFerdig                       //
	stegIOrden                       // of what must be in place
	stegAdvarsel                     // it does not stop the test, but somebody should look at it
	stegFeilet                       //
	stegUtenfor                      // it was never reached
)

// provsteg is a step as the page shows it.
type provsteg struct {
	ID, Tekst string // of its name
	Tilstand  stegtilstand
	Tid       time.Time      // when it was done; zero: not, or not known
	Om        string         // what is known of it
	Sitat     string         // what the receiver wrote
	Gjor      string         // what to do
	Lenker    []portal.Lenke // where it is done
	Oppslag   []portal.Svar  // what the fagsystem needs to know
	Merke     string         // the state in a word, and its colour
	Farge     string
}

// merk gives each step the word of its state.
func merk(t portal.Tolk, steg []provsteg) []provsteg {
	for i := range steg {
		s := &steg[i]
		switch s.Tilstand {
		case stegVenter:
			s.Merke, s.Farge = t("prov.venter"), "neutral"
		case stegPaagaar:
			s.Merke, s.Farge = t("prov.paagaar"), "info"
		case stegFerdig:
			s.Merke, s.Farge = t("prov.ferdig"), "success"
		case stegIOrden:
			s.Merke, s.Farge = t("prov.iorden"), "success"
		case stegAdvarsel:
			s.Merke, s.Farge = t("prov.advarsel"), "warning"
		case stegFeilet:
			s.Merke, s.Farge = t("prov.feilet"), "danger"
		case stegUtenfor:
			s.Merke, s.Farge = t("prov.utenfor"), "neutral"
		}
	}
	return steg
}

// provplass is the set-up that is tried.
type provplass struct {
	ctx   context.Context
	p     *Forvaltning
	t     portal.Tolk
	sprak string
	orgID string
	konf  digisos.KommuneKonfigurasjon
	fag   []portal.Lenke // integrasjoner that may update cases
}

// sjekk is something that must be in place before a test is sent.
type sjekk struct {
	id, tekst string
	se        func(*provsteg) error // leaves Tilstand as it is (done) when all is well
}

// Where things are mended.
func (pl provplass) endre(steg string) portal.Lenke {
	return portal.Lenke{Tekst: pl.t("prov.til.endre"), URL: "/forvaltning/" + pl.orgID + "/digisos/endre/" + steg}
}

func (pl provplass) integrasjoner() portal.Lenke {
	return portal.Lenke{Tekst: pl.t("prov.til.integrasjoner"), URL: "/forvaltning/" + pl.orgID + "/integrasjoner"}
}

// konto is the page where a part of the konto is set up; nothing when it is another organisation's.
func (pl provplass) konto(k fiksio.Konto, side string) []portal.Lenke {
	if k.FiksOrgID != pl.orgID {
		return nil
	}
	return []portal.Lenke{{Tekst: pl.t("prov.til.konto"), URL: "/forvaltning/" + pl.orgID + "/kontoer/" + k.ID + side}}
}

// sjekker are what must hold, in order. The last one of Fiks IO is a warning alone.
func (pl provplass) sjekker() []sjekk {
	alle := []sjekk{{"oppsett", pl.t("prov.oppsett"), pl.sjekkOppsett}}
	if pl.konf.BrukerFiksIO {
		var konto fiksio.Konto // what the first one found
		return append(alle,
			sjekk{"konto", pl.t("prov.konto"), func(s *provsteg) (err error) { konto, err = pl.sjekkKonto(s); return err }},
			sjekk{"nokkel", pl.t("prov.nokkel"), func(s *provsteg) error { return pl.sjekkNokkel(s, konto) }},
			sjekk{"adresse", pl.t("prov.adresse"), func(s *provsteg) error { return pl.sjekkAdresse(s, konto) }},
			sjekk{"konsument", pl.t("prov.konsument"), func(s *provsteg) error { return pl.sjekkKonsument(s, konto) }})
	}
	var m svarinn.Mottakersystem
	return append(alle,
		sjekk{"mottakersystem", pl.t("prov.mottakersystem"), func(s *provsteg) (err error) { m, err = pl.sjekkMottakersystem(s); return err }},
		sjekk{"sertifikat", pl.t("prov.sertifikat"), func(s *provsteg) error { return pl.sjekkSertifikat(s, m) }},
		sjekk{"passord", pl.t("prov.passord"), func(s *provsteg) error { return pl.sjekkPassord(s, m) }})
}

// sjekkAlle makes the checks now. ok: nothing stands in the way of a test.
func (pl provplass) sjekkAlle() (steg []provsteg, ok bool, err error) {
	ok = true
	for _, sj := range pl.sjekker() {
		s := provsteg{ID: sj.id, Tekst: sj.tekst, Tilstand: stegIOrden}
		if !ok {
			s.Tilstand = stegUtenfor
		} else if err := sj.se(&s); err != nil {
			return nil, false, err
		}
		ok = ok && s.Tilstand != stegFeilet
		steg = append(steg, s)
	}
	return steg, ok, nil
}

func (s *provsteg) feilet(om, gjor string, lenker ...portal.Lenke) {
	s.Tilstand, s.Om, s.Gjor, s.Lenker = stegFeilet, om, gjor, lenker
}

func (pl provplass) sjekkOppsett(s *provsteg) error {
	s.Om = pl.t("prov.oppsett.svarinn")
	if pl.konf.BrukerFiksIO {
		s.Om = pl.t("prov.oppsett.fiksio")
	}
	if !pl.konf.Aktivert || pl.konf.MidlertidigDeaktivertMottak {
		s.Om += " " + pl.t("prov.oppsett.stengt")
	}
	return nil
}

func (pl provplass) sjekkKonto(s *provsteg) (fiksio.Konto, error) {
	k, err := pl.p.FiksIO.Konto(pl.ctx, pl.konf.FiksIOKontoID)
	switch {
	case feil.Er(err, feil.IkkeFunnet):
		s.feilet(pl.t("prov.konto.borte"), pl.t("prov.konto.borte.gjor"), pl.endre("kanal"))
		return k, nil
	case err != nil:
		return k, err
	case !k.Aktiv:
		s.feilet(pl.t("prov.konto.inaktiv", "konto", k.Navn), pl.t("prov.konto.inaktiv.gjor"), pl.konto(k, "")...)
	default:
		s.Om = k.Navn
	}
	return k, nil
}

func (pl provplass) sjekkNokkel(s *provsteg, k fiksio.Konto) error {
	if k.Sertifikat == nil {
		s.feilet(pl.t("prov.nokkel.ingen"), pl.t("prov.nokkel.gjor"), pl.konto(k, "/nokkel")...)
		return nil
	}
	c, err := x509.ParseCertificate(k.Sertifikat)
	if err != nil {
		return err
	}
	pl.gyldighet(s, c.NotBefore, c.NotAfter, pl.t("prov.nokkel.gjor"), pl.konto(k, "/nokkel")...)
	return nil
}

// gyldighet tells how long a certificate is good for.
func (pl provplass) gyldighet(s *provsteg, fra, til time.Time, gjor string, lenker ...portal.Lenke) {
	naa := pl.p.Klokke.Now()
	dager := int(til.Sub(naa).Hours() / 24)
	switch dato := portal.Dato(pl.sprak, til); {
	case naa.Before(fra):
		s.feilet(pl.t("prov.gyldig.fra", "dato", portal.Dato(pl.sprak, fra)), gjor, lenker...)
	case !naa.Before(til):
		s.feilet(pl.t("prov.gyldig.utlopt", "dato", dato), gjor, lenker...)
	case dager < 30:
		s.feilet(pl.t("prov.gyldig.snart", "dato", dato, "dager", dager), gjor, lenker...)
		s.Tilstand = stegAdvarsel
	default:
		s.Om = pl.t("prov.gyldig", "dato", dato, "dager", dager)
	}
}

func (pl provplass) sjekkAdresse(s *provsteg, k fiksio.Konto) error {
	ok, err := pl.p.FiksIO.StotterProtokoll(pl.ctx, k.ID, digisos.Protokoll)
	switch {
	case err != nil:
		return err
	case !ok:
		s.feilet(pl.t("prov.adresse.ingen", "protokoll", digisos.Protokoll), pl.t("prov.adresse.gjor"), pl.konto(k, "/adresser")...)
	default:
		s.Om = digisos.Protokoll
	}
	return nil
}

func (pl provplass) sjekkKonsument(s *provsteg, k fiksio.Konto) error {
	st, err := pl.p.FiksIO.Status(pl.ctx, k)
	if err != nil {
		return err
	}
	if st.AntallKonsumenter > 0 {
		s.Om = pl.t("prov.konsument.antall", "n", st.AntallKonsumenter)
		return nil
	}
	s.Tilstand, s.Om = stegAdvarsel, pl.t("prov.konsument.ingen")
	return pl.tilkobling(s, k)
}

// tilkobling tells what the fagsystem needs in order to connect.
func (pl provplass) tilkobling(s *provsteg, k fiksio.Konto) error {
	s.Gjor = pl.t("prov.konsument.gjor")
	if a := pl.p.AMQP; a.Vert != "" {
		tls := pl.t("nei")
		if a.TLS {
			tls = pl.t("ja")
		}
		s.Oppslag = append(s.Oppslag, portal.Svar{Navn: pl.t("prov.amqp.vert"), Verdi: a.Vert},
			portal.Svar{Navn: pl.t("prov.amqp.port"), Verdi: strconv.Itoa(a.Port)}, portal.Svar{Navn: pl.t("prov.amqp.tls"), Verdi: tls})
	}
	s.Oppslag = append(s.Oppslag, portal.Svar{Navn: pl.t("prov.amqp.ko"), Verdi: fiksio.Ko(k.ID)})
	brukere, err := pl.brukere(k)
	if err != nil {
		return err
	}
	for _, id := range brukere {
		s.Oppslag = append(s.Oppslag, portal.Svar{Navn: pl.t("prov.amqp.bruker"), Verdi: id})
	}
	if len(brukere) == 0 {
		s.Gjor = pl.t("prov.konsument.tilgang")
	}
	s.Lenker = []portal.Lenke{pl.integrasjoner()}
	return nil
}

// brukere are the integrasjoner that may consume the konto: the user names on AMQP.
func (pl provplass) brukere(k fiksio.Konto) ([]string, error) {
	alle, err := pl.p.Organisasjon.Integrasjoner(pl.ctx, pl.orgID)
	if err != nil {
		return nil, err
	}
	var ut []string
	for _, i := range alle {
		ok, err := pl.p.Organisasjon.Har(pl.ctx, i.ID, auth.FiksIOKonto, k.ID)
		if err != nil {
			return nil, err
		}
		if ok {
			ut = append(ut, i.ID)
		}
	}
	return ut, nil
}

// mottakersystem is a page of it; of none, the list of them.
func (pl provplass) mottakersystem(m svarinn.Mottakersystem, side string) portal.Lenke {
	u := "/forvaltning/" + pl.orgID + "/svarinn"
	if m.ID != "" {
		u += "/" + m.ID + side
	}
	return portal.Lenke{Tekst: pl.t("prov.til.svarinn"), URL: u}
}

func (pl provplass) sjekkMottakersystem(s *provsteg) (m svarinn.Mottakersystem, err error) {
	rute, ok, err := pl.p.SvarInn.Rute(pl.ctx, pl.p.DB.Read(), pl.konf.OrganisasjonsnummerSvarUt, digisos.ForsendelseType, digisos.Sikkerhetsniva)
	if err != nil {
		return m, err
	}
	if !ok {
		s.feilet(pl.t("prov.mottakersystem.ingen", "orgnr", pl.konf.OrganisasjonsnummerSvarUt, "type", digisos.ForsendelseType),
			pl.t("prov.mottakersystem.gjor"), pl.mottakersystem(m, ""), pl.endre("svarinn"))
		return m, nil
	}
	s.Om = rute.Navn
	return pl.p.SvarInn.Mottakersystem(pl.ctx, rute.ID)
}

func (pl provplass) sjekkSertifikat(s *provsteg, m svarinn.Mottakersystem) error {
	if m.Sertifikat == nil {
		s.feilet(pl.t("prov.sertifikat.ingen"), pl.t("prov.sertifikat.gjor"), pl.mottakersystem(m, "/service"))
		return nil
	}
	pl.gyldighet(s, time.Time{}, m.Sertifikat.Utloper, pl.t("prov.sertifikat.gjor"), pl.mottakersystem(m, "/service"))
	return nil
}

func (pl provplass) sjekkPassord(s *provsteg, m svarinn.Mottakersystem) error {
	if !m.HarPassord {
		s.feilet(pl.t("prov.passord.ingen"), pl.t("prov.passord.gjor"), pl.mottakersystem(m, "/service"))
		return nil
	}
	s.Om = pl.t("prov.passord.bruker", "bruker", m.ID)
	return nil
}

// plass reads the set-up of an organisation; feil.IkkeFunnet when it has none.
func (p *Forvaltning) plass(ctx context.Context, t portal.Tolk, sprak string, org organisasjon.Organisasjon, fag []portal.Lenke) (provplass, error) {
	pl := provplass{ctx: ctx, p: p, t: t, sprak: sprak, orgID: org.ID, fag: fag}
	k, err := p.Digisos.Konfigurasjon(ctx, org.ID)
	pl.konf = k.KommuneKonfigurasjon
	return pl, err
}
