package forvaltning

import (
	"time"

	"knutepunkt/internal/digisos"
	"knutepunkt/internal/feil"
	"knutepunkt/internal/fiksio"
	"knutepunkt/internal/levering"
	"knutepunkt/internal/portal"
	"knutepunkt/internal/svarut/svarinn"
)

// oppdateringstid is how long the page of a test that was acknowledged waits for the
// fagsystem to update the case.
const oppdateringstid = 10 * time.Minute

// spor is a test as its page shows it.
type spor struct {
	Steg    []provsteg
	Levende bool   // something more may happen
	Status  string // in a sentence
	Farge   string
}

// folge is the steps of a test on its way. The first that is not done is what it
// waits for, or where it stopped.
type folge struct {
	pr   digisos.Prove
	steg []provsteg
	her  int // index of that step; -1: all are done
}

func (f *folge) legg(id, tekst string, ferdig bool, tid time.Time) {
	s := provsteg{ID: id, Tekst: tekst, Tilstand: stegFerdig, Tid: tid}
	if !ferdig || f.her >= 0 {
		s.Tid = time.Time{}
		switch {
		case f.her >= 0 && f.pr.Slutt.IsZero():
			s.Tilstand = stegVenter
		case f.her >= 0 || f.pr.Avbrutt:
			s.Tilstand = stegUtenfor
		case f.pr.Slutt.IsZero():
			s.Tilstand = stegPaagaar
		default:
			s.Tilstand = stegFeilet
		}
		if f.her < 0 {
			f.her = len(f.steg)
		}
	}
	f.steg = append(f.steg, s)
}

// naa is the step that the test is at, if it is that one.
func (f *folge) naa(id string) *provsteg {
	if f.her < 0 || f.steg[f.her].ID != id || f.steg[f.her].Tilstand == stegUtenfor {
		return &provsteg{} // nobody looks at it
	}
	return &f.steg[f.her]
}

// spor follows a test.
func (pl provplass) spor(pr digisos.Prove) (spor, error) {
	var ut spor
	f := &folge{pr: pr, her: -1}
	foran, err := pl.foran(pr)
	if err != nil {
		return ut, err
	}
	if pr.Kanal == levering.KanalFiksIO {
		err = pl.overFiksIO(f, &foran)
	} else {
		err = pl.overSvarInn(f)
	}
	if err != nil {
		return ut, err
	}
	ut.Levende = pr.Slutt.IsZero()
	siste := f.steg[len(f.steg)-1].Tekst
	if f.her >= 0 {
		siste = f.steg[f.her].Tekst
	}
	switch {
	case pr.Bekreftet:
		ut.Status, ut.Farge = pl.t("prov.status.virker"), "success"
	case pr.Slettet && !pr.Avbrutt: // so is the trace that told where
		ut.Status, ut.Farge = pl.t("prov.siste.stoppet"), "danger"
	case pr.Avbrutt:
		ut.Status, ut.Farge = pl.t("prov.status.avbrutt"), "neutral"
	case !pr.Slutt.IsZero(), f.her >= 0 && f.steg[f.her].Tilstand == stegFeilet:
		ut.Status, ut.Farge, ut.Levende = pl.t("prov.status.stoppet", "steg", siste), "danger", false
	default:
		ut.Status, ut.Farge = pl.t("prov.status.paavei", "steg", siste), "info"
	}
	ut.Steg = append(foran, f.steg...)
	if pr.Bekreftet && pl.konf.StotterOppdateringer {
		s := pl.oppdatering(pr)
		ut.Levende = s.Tilstand == stegPaagaar
		ut.Steg = append(ut.Steg, s)
	}
	if pr.Slettet {
		ut.Steg = nil
	}
	return ut, nil
}

// foran are the checks that were made before it was sent. When nothing was handed
// over after all, they are made anew: what changed in between is seen.
func (pl provplass) foran(pr digisos.Prove) ([]provsteg, error) {
	if !pr.Slutt.IsZero() && pr.Sendt.IsZero() && !pr.Avbrutt {
		steg, _, err := pl.sjekkAlle()
		return steg, err
	}
	var ut []provsteg
	pl.konf.BrukerFiksIO = pr.Kanal == levering.KanalFiksIO
	for _, s := range pl.sjekker() {
		if s.id != "konsument" { // that one is looked at all the time
			ut = append(ut, provsteg{ID: s.id, Tekst: s.tekst, Tilstand: stegIOrden, Tid: pr.Startet})
		}
	}
	return ut, nil
}

func (pl provplass) overFiksIO(f *folge, foran *[]provsteg) error {
	pr := f.pr
	u, err := pl.p.FiksIO.Underveis(pl.ctx, pr.LeveranseID)
	if err != nil && !feil.Er(err, feil.IkkeFunnet) {
		return err
	}
	sendt := !pr.Sendt.IsZero()
	hentet := sendt && !u.IKo && u.Avvist.IsZero() && pr.Grunn != fiksio.GrunnIkkeHentet && pr.Grunn != fiksio.GrunnIkkeKvittert
	f.legg("pakket", pl.t("prov.pakket"), sendt, pr.Sendt)
	f.legg("ko", pl.t("prov.ko"), sendt, pr.Sendt)
	f.legg("hentet", pl.t("prov.hentet"), hentet || pr.Bekreftet || !pr.Avvist.IsZero(), time.Time{})
	f.legg("mottatt", pl.t("prov.mottatt"), pr.Bekreftet, pr.Slutt)

	if sendt && f.naa("hentet").ID != "" {
		s := provsteg{ID: "konsument", Tekst: pl.t("prov.konsument"), Tilstand: stegIOrden}
		konto, err := pl.p.FiksIO.Konto(pl.ctx, pl.konf.FiksIOKontoID)
		switch {
		case feil.Er(err, feil.IkkeFunnet): // gone meanwhile
		case err != nil:
			return err
		default:
			if err := pl.sjekkKonsument(&s, konto); err != nil {
				return err
			}
			*foran = append(*foran, s)
		}
	}
	pl.tekstFiksIO(f, u)
	return nil
}

// tekstFiksIO says of the step that the test is at what is known, and what to do.
func (pl provplass) tekstFiksIO(f *folge, u fiksio.Underveis) {
	pr, slutt := f.pr, !f.pr.Slutt.IsZero()
	s := f.naa("pakket")
	if s.Om = pl.t("prov.pakket.paagaar"); slutt {
		s.feilet(pl.t("prov.aarsak", "grunn", pr.Grunn), pl.t("prov.pakket.gjor"))
	}
	s = f.naa("hentet")
	switch {
	case !u.Avvist.IsZero(): // it is awaited still, in vain
		s.feilet(pl.t("prov.hentet.nack"), pl.t("prov.hentet.ikkeack.gjor"))
	case slutt && pr.Grunn == fiksio.GrunnIkkeHentet:
		s.feilet(pl.t("prov.hentet.utlopt"), pl.t("prov.hentet.utlopt.gjor"), pl.integrasjoner())
	case slutt:
		s.feilet(pl.t("prov.hentet.ikkeack"), pl.t("prov.hentet.ikkeack.gjor"))
	case u.Forsok > 0:
		s.Om, s.Gjor = pl.t("prov.hentet.forsok", "n", u.Forsok, "maks", fiksio.MaxForsok), pl.t("prov.hentet.ikkeack.gjor")
	case u.Utdelt:
		s.Om = pl.t("prov.hentet.utdelt")
	default:
		s.Om = pl.t("prov.hentet.venter", "frist", pl.tid(u.Utloper))
	}
	s = f.naa("mottatt")
	switch {
	case !pr.Avvist.IsZero():
		s.feilet(pl.t("prov.mottatt.avvist"), pl.t("prov.mottatt.avvist.gjor"))
		s.Sitat = pr.Begrunnelse
	case slutt:
		s.feilet(pl.t("prov.mottatt.frist", "type", digisos.TypeSoknadMottatt), pl.t("prov.mottatt.frist.gjor"))
	default:
		s.Om = pl.t("prov.mottatt.venter", "type", digisos.TypeSoknadMottatt, "frist", pl.tid(pr.Frist))
	}
}

func (pl provplass) overSvarInn(f *folge) error {
	pr := f.pr
	sp, err := pl.p.SvarInn.Spor(pl.ctx, pr.LeveranseID)
	if err != nil {
		return err
	}
	lastet := pr.Bekreftet || !sp.Feilet.IsZero() || !sp.LastetNed.IsZero()
	listet := lastet || !sp.Listet.IsZero()
	f.legg("liste", pl.t("prov.liste"), listet || !sp.Klar.IsZero(), sp.Klar)
	f.legg("listet", pl.t("prov.listet"), listet, sp.Listet)
	f.legg("lastetned", pl.t("prov.lastetned"), lastet, sp.LastetNed)
	f.legg("kvittert", pl.t("prov.kvittert"), pr.Bekreftet, pr.Slutt)
	return pl.tekstSvarInn(f, sp)
}

func (pl provplass) tekstSvarInn(f *folge, sp svarinn.Spor) error {
	slutt := !f.pr.Slutt.IsZero()
	s := f.naa("liste")
	if s.Om = pl.t("prov.liste.paagaar"); slutt {
		s.feilet(pl.t("prov.liste.feilet"), pl.t("prov.mottakersystem.gjor"), pl.endre("svarinn"))
	}
	s = f.naa("listet")
	if s.Om = pl.t("prov.listet.venter"); slutt {
		s.Om = pl.t("prov.listet.feilet")
	}
	s.Gjor = pl.t("prov.listet.gjor")
	if s.ID != "" {
		rute, ok, err := pl.p.SvarInn.Rute(pl.ctx, pl.p.DB.Read(), pl.konf.OrganisasjonsnummerSvarUt, digisos.ForsendelseType, digisos.Sikkerhetsniva)
		if err != nil {
			return err
		}
		if s.Oppslag = []portal.Svar{{Navn: pl.t("prov.svarinn.sti"), Verdi: svarinn.StiListe}}; ok {
			s.Oppslag = append(s.Oppslag, portal.Svar{Navn: pl.t("prov.svarinn.bruker"), Verdi: rute.ID})
		}
	}
	s = f.naa("lastetned")
	s.Om, s.Gjor, s.Sitat = pl.t("prov.lastetned.venter"), pl.t("prov.lastetned.gjor"), sp.Feilmelding
	s = f.naa("kvittert")
	s.Sitat = sp.Feilmelding
	switch {
	case !sp.Feilet.IsZero():
		s.feilet(pl.t("prov.kvittert.avvist"), pl.t("prov.mottatt.avvist.gjor"))
	case slutt:
		s.feilet(pl.t("prov.kvittert.frist"), pl.t("prov.kvittert.gjor"))
	default:
		s.Om, s.Gjor = pl.t("prov.kvittert.venter"), pl.t("prov.kvittert.gjor")
	}
	return nil
}

// oppdatering is the step after the receipt, which the fagsystem may leave out.
func (pl provplass) oppdatering(pr digisos.Prove) provsteg {
	s := provsteg{ID: "oppdatering", Tekst: pl.t("prov.oppdatering"), Tilstand: stegFerdig, Tid: pr.Oppdatert}
	switch {
	case !pr.Oppdatert.IsZero():
		if s.Om = pl.t("prov.oppdatering.ferdig"); !pr.Filer.IsZero() {
			s.Om = pl.t("prov.oppdatering.medfil")
		}
		return s
	case pl.p.Klokke.Now().Before(pr.Slutt.Add(oppdateringstid)) && !pr.Slettet:
		s.Tilstand, s.Om = stegPaagaar, pl.t("prov.oppdatering.venter")
	default:
		s.Tilstand, s.Om = stegUtenfor, pl.t("prov.oppdatering.ingen")
	}
	if len(pl.fag) == 0 {
		s.Gjor, s.Lenker = pl.t("prov.oppdatering.gjor"), []portal.Lenke{pl.integrasjoner()}
	}
	return s
}

// tid is a time of day.
func (pl provplass) tid(t time.Time) string { return portal.Klokkeslett(pl.sprak, t) }
