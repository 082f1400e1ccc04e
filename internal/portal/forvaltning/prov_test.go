package forvaltning_test

import (
	"fmt"
	"io"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"knutepunkt/asice"
	"knutepunkt/cms"
	"knutepunkt/internal/auth"
	"knutepunkt/internal/digisos"
	"knutepunkt/internal/feil"
	"knutepunkt/internal/fiksio"
	"knutepunkt/internal/fiksio/amqp"
	"knutepunkt/internal/grunntest"
	"knutepunkt/internal/levering"
	"knutepunkt/internal/portal/portaltest"
	"knutepunkt/internal/store"
	"knutepunkt/internal/svarut/svarinn"
)

const provsti = "/forvaltning/" + portaltest.OrgTest + "/digisos/prov"

// provhus is a house whose Testby is set up with Digisos.
func provhus(t *testing.T, h *portaltest.Hus, endre func(*digisos.KommuneKonfigurasjon)) *portaltest.Hus {
	t.Helper()
	h.Leverer(t)
	h.Dokumentlager(t, portaltest.OrgTest)
	k := portaltest.Konfig()
	if endre != nil {
		endre(&k)
	}
	portaltest.Must(t, h.Dig.OpprettKonfigurasjon(auth.With(t.Context(), auth.Caller{Slag: auth.Person, Fnr: portaltest.Admin}), portaltest.OrgTest, k))
	return h
}

func svarInnAlene(k *digisos.KommuneKonfigurasjon) { k.BrukerFiksIO, k.FiksIOKontoID = false, "" }

// sendProv presses the button, and gives the address of the test.
func sendProv(t *testing.T, n *portaltest.Nettleser) string {
	t.Helper()
	id := n.Get(t, provsti).Er(t, 200, "Send testsøknad").Skjult(t, "id")
	n.Post(t, provsti, "id", id).Til(t, provsti+"/"+id)
	return provsti + "/" + id
}

func utfor(t *testing.T, h *portaltest.Hus) {
	t.Helper()
	portaltest.Must(t, h.Jobs.RunDue(t.Context()))
}

var stegRE = regexp.MustCompile(`<strong>([^<]+)</strong> <span class="ds-tag" data-color="[a-z]+">([^<]+)</span>`)

// provstegene are the steps of a page with their states.
func provstegene(s portaltest.SvarSide) string {
	var ut []string
	for _, m := range stegRE.FindAllStringSubmatch(s.HTML, -1) {
		ut = append(ut, m[1]+": "+m[2])
	}
	return strings.Join(ut, "\n")
}

// erSteg checks the steps from one on.
func erSteg(t *testing.T, s portaltest.SvarSide, want ...string) portaltest.SvarSide {
	t.Helper()
	if got := provstegene(s); !strings.HasSuffix(got, strings.Join(want, "\n")) {
		t.Errorf("the steps are\n%s\nwant\n%s", got, strings.Join(want, "\n"))
	}
	return s
}

// melding is what waits for the fagsystem.
func melding(t *testing.T, h *portaltest.Hus) fiksio.Melding {
	t.Helper()
	m, ok, err := h.Fio.Neste(t.Context(), portaltest.Konto)
	portaltest.Must(t, err)
	if !ok {
		t.Fatal("nothing waits for the fagsystem")
	}
	return m
}

// svar replies to a message as the fagsystem, and lets the platform read it.
func svar(t *testing.T, h *portaltest.Hus, m fiksio.Melding, typ string) {
	t.Helper()
	h.Skriv(t, func(tx *store.Tx) error {
		_, err := h.Fio.Send(t.Context(), tx, fiksio.Utgaaende{AvsenderKontoID: portaltest.Konto, MottakerKontoID: m.AvsenderKontoID,
			Type: typ, SvarPaMelding: m.MeldingID}, nil)
		return err
	})
	utfor(t, h)
}

// ingenAlarm: nobody was told of anything, and no letter was written.
func ingenAlarm(t *testing.T, h *portaltest.Hus) {
	t.Helper()
	epost, err := h.Epost.Alle(t.Context())
	portaltest.Must(t, err)
	if len(epost) > 0 {
		t.Errorf("e-mail was sent: %+v", epost)
	}
	alarmer, err := h.Lev.Alarmer(t.Context(), 10)
	portaltest.Must(t, err)
	if len(alarmer) > 0 {
		t.Errorf("alarms: %+v", alarmer)
	}
	rows, err := h.DB.Read().QueryContext(t.Context(), `SELECT kilde, plan FROM leveringer`)
	portaltest.Must(t, err)
	defer rows.Close()
	for rows.Next() {
		var kilde, plan string
		portaltest.Must(t, rows.Scan(&kilde, &plan))
		if strings.Contains(plan, levering.KanalAltinn) || strings.Contains(plan, levering.KanalPrint) || strings.Contains(plan, levering.KanalSvarUt) && strings.Contains(plan, levering.KanalFiksIO) {
			t.Errorf("%s may go further: %s", kilde, plan)
		}
	}
	portaltest.Must(t, rows.Err())
}

// pakke is what the fagsystem finds in a message, by file name.
func pakke(t *testing.T, h *portaltest.Hus, m fiksio.Melding) map[string]string {
	t.Helper()
	r, err := h.Fio.Apne(t.Context(), m)
	portaltest.Must(t, err)
	defer r.Close()
	key, _ := grunntest.Plattformnokkel(t)
	klar, err := cms.NewReader(r, cms.Key{Private: key})
	portaltest.Must(t, err)
	ut := map[string]string{}
	_, err = asice.Read(klar, asice.Options{}, func(navn string, innhold io.Reader) error {
		b, err := io.ReadAll(innhold)
		ut[navn] = string(b)
		return err
	})
	portaltest.Must(t, err)
	return ut
}

func TestProvFiksIO(t *testing.T) {
	t.Parallel()
	h := provhus(t, portaltest.NyttHus(t), func(k *digisos.KommuneKonfigurasjon) { k.Aktivert = false })
	h.Nokkel(t)
	h.Fio.Koble(portaltest.Konsumenter(1))
	n := h.Som(t, portaltest.Admin)
	erSteg(t, n.Get(t, provsti).Er(t, 200, "Mottaket er ikke åpent nå", "Test Testesen", "TESTSØKNAD – skal ikke behandles", "018180 49818", "dager til", "Ingen har prøvd oppsettet ennå"),
		"Oppsett av Digisos: I orden", "Fiks IO-konto: I orden", "Nøkkel til kryptering: I orden", "Adresse for Digisos: I orden", "Tilkoblet fagsystem: I orden")
	sti := sendProv(t, n)
	id := sti[len(provsti)+1:]
	n.Post(t, provsti, "id", id).Til(t, sti) // pressed twice
	erSteg(t, n.Get(t, sti).Er(t, 200, "Neste steg: Melding bygd og kryptert", `data-hent="prov-status"`, `<noscript><meta http-equiv="refresh" content="10"></noscript>`),
		"Melding bygd og kryptert: Pågår", "Lagt i køen: Venter", "Hentet av fagsystemet: Venter", "Kvittering fra fagsystemet: Venter")
	// Only the one who looks decides when it stops.
	if s := n.Get(t, sti+"?stopp=1").Er(t, 200, "Siden oppdaterer seg ikke"); strings.Contains(s.HTML, "data-hent=") || strings.Contains(s.HTML, "http-equiv") {
		t.Error("a page that was stopped goes on")
	}
	utfor(t, h)
	erSteg(t, n.Get(t, sti).Er(t, 200, "Neste steg: Hentet av fagsystemet", "1 tilkoblet nå"),
		"Tilkoblet fagsystem: I orden", "Melding bygd og kryptert: Ferdig", "Lagt i køen: Ferdig", "Hentet av fagsystemet: Pågår", "Kvittering fra fagsystemet: Venter")

	// What arrives is a søknad like any other, and says that it is none.
	m := melding(t, h)
	filer := pakke(t, h, m)
	for navn, hva := range map[string]string{"soknad.json": "TESTSØKNAD – skal ikke behandles", "vedlegg.json": `"vedlegg":[]`, "forsendelseMetadata.json": digisos.ProveRef + id,
		"Soknad.pdf": "%PDF", "Soknad-juridisk.pdf": "%PDF", "Brukerkvittering.pdf": "%PDF"} {
		if !strings.Contains(filer[navn], hva) {
			t.Errorf("%s does not hold %q: %.300q", navn, hva, filer[navn])
		}
	}
	if m.Type != digisos.TypeSoknad || !strings.Contains(filer["soknad.json"], digisos.ProveFnr) {
		t.Errorf("%s: %s", m.Type, filer["soknad.json"])
	}
	portaltest.Must(t, h.Fio.Ta(t.Context(), m, nil))
	erSteg(t, n.Get(t, sti).Er(t, 200, digisos.TypeSoknadMottatt), "Hentet av fagsystemet: Ferdig", "Kvittering fra fagsystemet: Pågår")
	svar(t, h, m, digisos.TypeSoknadMottatt)
	erSteg(t, n.Get(t, sti).Er(t, 200, "Oppsettet virker", `data-color="success" role="status"`, `data-hent=`, "Ingen integrasjon har tilgang til å oppdatere søknader"),
		"Kvittering fra fagsystemet: Ferdig", "Saksoppdatering (valgfritt): Pågår")

	// The fagsystem updates the case, by the API that it uses for others.
	portaltest.Must(t, h.Dig.OppdaterSak(t.Context(), portaltest.OrgTest, id, []byte(`{"version":"1.0.0","avsender":{"systemnavn":"Fagsystem","systemversjon":"1"},"hendelser":[{"type":"soknadsStatus","hendelsestidspunkt":"2026-01-01T12:00:00.000Z","status":"MOTTATT"}]}`)))
	if s := erSteg(t, n.Get(t, sti).Er(t, 200, "Fagsystemet har oppdatert saken"), "Saksoppdatering (valgfritt): Ferdig"); strings.Contains(s.HTML, "data-hent=") {
		t.Error("the page goes on after the end")
	}
	n.Get(t, provsti).Er(t, 200, "Kom fram", "Send testsøknad")

	// A day after, the content is gone, also though the case was updated.
	dokumenter := h.Antall(t, `dokumenter WHERE slettet = 0`)
	h.Frem(t, 25*time.Hour)
	n = h.Som(t, portaltest.Admin)
	n.Get(t, sti).Er(t, 200, "Innholdet i testsøknaden er slettet")
	if igjen := h.Antall(t, `dokumenter WHERE slettet = 0`) + h.Antall(t, `digisos_forsendelse`); igjen != 0 || dokumenter != 6 {
		t.Errorf("%d documents before; %d rows left", dokumenter, igjen)
	}
	ingenAlarm(t, h)
	if strings.Contains(h.Logg.B.String(), digisos.ProveFnr) {
		t.Error("the number is in the log")
	}
}

// What can go wrong on the way over Fiks IO, and what the page says of it.
func TestProvFiksIOFeil(t *testing.T) {
	t.Parallel()
	const nei = "Kvittering fra fagsystemet: Ikke prøvd"
	for navn, c := range map[string]struct {
		gjor    func(t *testing.T, h *portaltest.Hus, id string)
		tekster []string
		steg    []string
	}{
		"nobody fetches": {func(t *testing.T, h *portaltest.Hus, _ string) { h.Frem(t, 41*time.Minute) },
			[]string{"Den stoppet her: Hentet av fagsystemet.", "Ingen hentet meldingen før den utløp"}, []string{"Tilkoblet fagsystem: Se på dette", "Melding bygd og kryptert: Ferdig", "Lagt i køen: Ferdig", "Hentet av fagsystemet: Feilet", nei}},
		"fetched, and no receipt": {func(t *testing.T, h *portaltest.Hus, _ string) {
			portaltest.Must(t, h.Fio.Ta(t.Context(), melding(t, h), nil))
			h.Frem(t, 41*time.Minute)
		}, []string{"men sendte aldri kvitteringen"}, []string{"Hentet av fagsystemet: Ferdig", "Kvittering fra fagsystemet: Feilet"}},
		"refused": {func(t *testing.T, h *portaltest.Hus, _ string) {
			m := melding(t, h)
			portaltest.Must(t, h.Fio.Ta(t.Context(), m, nil))
			h.Skriv(t, func(tx *store.Tx) error {
				_, err := h.Lev.Avvist(t.Context(), tx, levering.KanalFiksIO, m.MeldingID, "Mottakeren avviste meldingen", "Ukjent enhet <9901>")
				return err
			})
		}, []string{"Fagsystemet avviste testsøknaden", "<blockquote>Ukjent enhet &lt;9901&gt;</blockquote>"}, []string{"Hentet av fagsystemet: Ferdig", "Kvittering fra fagsystemet: Feilet"}},
		"refused by message": {func(t *testing.T, h *portaltest.Hus, _ string) {
			m := melding(t, h)
			portaltest.Must(t, h.Fio.Ta(t.Context(), m, nil))
			svar(t, h, m, "no.ks.fiks.kvittering.ugyldigforespoersel.v1")
		}, []string{"Fagsystemet avviste testsøknaden"}, []string{"Kvittering fra fagsystemet: Feilet"}},
		"given back three times": {func(t *testing.T, h *portaltest.Hus, id string) {
			n := h.Som(t, portaltest.Admin)
			m := melding(t, h)
			b, ref := h.Fio.Broker(nil), []amqp.Ref{{Queue: fiksio.Ko(portaltest.Konto), Seq: m.Seq}}
			portaltest.Must(t, b.Delivered(t.Context(), ref))
			n.Get(t, provsti+"/"+id).Er(t, 200, "Fagsystemet har fått meldingen, og har ikke bekreftet (ack) den ennå")
			for i := range fiksio.MaxForsok {
				if i > 0 {
					n.Get(t, provsti+"/"+id).Er(t, 200, fmt.Sprintf("gitt den fra seg igjen (nack) %d ganger av 3", i))
				}
				_, err := b.Requeue(t.Context(), ref)
				portaltest.Must(t, err)
			}
			utfor(t, h)
		}, []string{"men bekreftet (ack) den aldri", "ikke hører til sertifikatet"}, []string{"Hentet av fagsystemet: Feilet", nei}},
		"refused without a word": {func(t *testing.T, h *portaltest.Hus, id string) {
			portaltest.Must(t, h.Fio.Broker(nil).Reject(t.Context(), []amqp.Ref{{Queue: fiksio.Ko(portaltest.Konto), Seq: melding(t, h).Seq}}))
			n := h.Som(t, portaltest.Admin)
			if s := n.Get(t, provsti+"/"+id).Er(t, 200, "avviste den for godt (nack)", "Den stoppet her: Hentet av fagsystemet.", "Avbryt prøven"); strings.Contains(s.HTML, "data-hent=") {
				t.Error("the page goes on")
			}
			h.Frem(t, 41*time.Minute) // for whoever does not cancel it
		}, []string{"avviste den for godt (nack)"}, []string{"Hentet av fagsystemet: Feilet", nei}},
		"cancelled": {func(t *testing.T, h *portaltest.Hus, id string) {
			n := h.Som(t, portaltest.Admin2)
			for range 2 {
				n.Post(t, provsti+"/"+id).Til(t, provsti+"/"+id)
			}
		}, []string{"Prøven er avbrutt"}, []string{"Lagt i køen: Ferdig", "Hentet av fagsystemet: Ikke prøvd", nei}},
	} {
		t.Run(navn, func(t *testing.T) {
			t.Parallel()
			h := provhus(t, portaltest.NyttHus(t), nil)
			h.Nokkel(t)
			n := h.Som(t, portaltest.Admin)
			sti := sendProv(t, n)
			utfor(t, h)
			n.Get(t, sti).Er(t, 200, "Ingen fagsystem er koblet til køen nå", "amqp.portal.test", "5671", fiksio.Ko(portaltest.Konto), "Ingen av integrasjonene har tilgang til kontoen")
			c.gjor(t, h, sti[len(provsti)+1:])
			n = h.Som(t, portaltest.Admin) // the clock may have moved
			s := erSteg(t, n.Get(t, sti).Er(t, 200, c.tekster...), c.steg...)
			if strings.Contains(s.HTML, "data-hent=") || strings.Contains(s.HTML, "http-equiv") {
				t.Error("the page goes on after the end")
			}
			ingenAlarm(t, h)
			sendProv(t, n) // it is free for another one
			h.Frem(t, 25*time.Hour)
			n = h.Som(t, portaltest.Admin)
			n.Get(t, sti).Er(t, 200, "Innholdet i testsøknaden er slettet")
			if n := h.Antall(t, `digisos_forsendelse`); n != 0 {
				t.Errorf("%d forsendelser are left", n)
			}
			ingenAlarm(t, h)
		})
	}
}

// The user name on AMQP is shown of the integrasjoner that may consume, and no other.
func TestProvBruker(t *testing.T) {
	t.Parallel()
	h := provhus(t, portaltest.NyttHus(t), nil)
	h.Nokkel(t)
	ja, _ := h.Fagsystem(t, portaltest.OrgTest, "Fagsystem")
	nei, _ := h.Fagsystem(t, portaltest.OrgTest, "Arkiv")
	h.Skriv(t, func(tx *store.Tx) error {
		return h.Org.GiTilgang(t.Context(), tx, auth.Caller{}, ja, auth.FiksIOKonto, portaltest.Konto)
	})
	if s := h.Som(t, portaltest.Admin).Get(t, provsti).Er(t, 200, ja, "et mellomrom og et token"); strings.Contains(s.HTML, nei) {
		t.Error("an integrasjon without access is shown as user name")
	}
}

// A fault that is seen before does not send.
func TestProvSjekk(t *testing.T) {
	t.Parallel()
	admin := auth.Caller{Slag: auth.Person, Fnr: portaltest.Admin, Niva: 4}
	for navn, c := range map[string]struct {
		konf  func(*digisos.KommuneKonfigurasjon)
		gjor  func(t *testing.T, h *portaltest.Hus)
		tekst string
		steg  []string
	}{
		"no key": {nil, func(*testing.T, *portaltest.Hus) {}, "ingen offentlig nøkkel",
			[]string{"Fiks IO-konto: I orden", "Nøkkel til kryptering: Feilet", "Adresse for Digisos: Ikke prøvd", "Tilkoblet fagsystem: Ikke prøvd"}},
		"key expired": {nil, func(t *testing.T, h *portaltest.Hus) {
			h.Nokkel(t)
			h.Klokke.Sett(portaltest.Utloper.Add(time.Hour))
		}, "Utløp ", []string{"Nøkkel til kryptering: Feilet", "Adresse for Digisos: Ikke prøvd", "Tilkoblet fagsystem: Ikke prøvd"}},
		"no address": {nil, func(t *testing.T, h *portaltest.Hus) {
			h.Nokkel(t)
			as, err := h.Fio.Adresser(t.Context(), portaltest.Konto)
			portaltest.Must(t, err)
			portaltest.Must(t, h.Fio.SlettAdresse(t.Context(), portaltest.Konto, as[0].ID))
		}, "ingen aktiv adresse med protokollen " + digisos.Protokoll, []string{"Nøkkel til kryptering: I orden", "Adresse for Digisos: Feilet", "Tilkoblet fagsystem: Ikke prøvd"}},
		"not active": {nil, func(t *testing.T, h *portaltest.Hus) {
			_, err := h.Fio.SettAktiv(t.Context(), portaltest.Konto, false, "")
			portaltest.Must(t, err)
		}, "er ikke aktiv", []string{"Fiks IO-konto: Feilet", "Nøkkel til kryptering: Ikke prøvd", "Adresse for Digisos: Ikke prøvd", "Tilkoblet fagsystem: Ikke prøvd"}},
		"no konto": {nil, func(t *testing.T, h *portaltest.Hus) {
			portaltest.Must(t, h.Fio.SlettKonto(t.Context(), portaltest.Konto, ""))
		}, "finnes ikke lenger", []string{"Fiks IO-konto: Feilet", "Nøkkel til kryptering: Ikke prøvd", "Adresse for Digisos: Ikke prøvd", "Tilkoblet fagsystem: Ikke prøvd"}},
		"no mottakersystem": {svarInnAlene, func(*testing.T, *portaltest.Hus) {}, "Ingen mottakersystem tar imot nav.digisos for organisasjonsnummer " + portaltest.OrgnrT,
			[]string{"Mottakersystem i SvarInn: Feilet", "Sertifikat: Ikke prøvd", "Brukernavn og passord: Ikke prøvd"}},
		"no certificate": {svarInnAlene, func(t *testing.T, h *portaltest.Hus) {
			m, err := h.Inn.Opprett(t.Context(), admin, svarinn.Ny{FiksOrgID: portaltest.OrgTest, Navn: "Fagsystem", Person: svarinn.Person{Fnr: portaltest.Admin, Navn: "Berit"}})
			portaltest.Must(t, err)
			portaltest.Must(t, svarinn.Rolletabell{DB: h.DB, Ring: h.Ring}.Gi(t.Context(), portaltest.Admin, portaltest.OrgnrT, svarinn.PostArkiv))
			_, err = h.Inn.GiOrganisasjoner(t.Context(), admin, m.ID, []svarinn.Rad{{Orgnr: portaltest.OrgnrT}})
			portaltest.Must(t, err)
		}, "ikke noe sertifikat", []string{"Mottakersystem i SvarInn: I orden", "Sertifikat: Feilet", "Brukernavn og passord: Ikke prøvd"}},
		"no password": {svarInnAlene, func(t *testing.T, h *portaltest.Hus) {
			h.Mottakersystem(t, portaltest.OrgTest, portaltest.OrgnrT)
			h.Skriv(t, func(tx *store.Tx) error {
				_, err := tx.ExecContext(t.Context(), `UPDATE svarinn_mottakersystemer SET passord = ''`)
				return err
			})
		}, "ikke noe passord", []string{"Sertifikat: I orden", "Brukernavn og passord: Feilet"}},
	} {
		t.Run(navn, func(t *testing.T) {
			t.Parallel()
			h := provhus(t, portaltest.NyttHus(t), c.konf)
			c.gjor(t, h)
			n := h.Som(t, portaltest.Admin)
			if s := erSteg(t, n.Get(t, provsti).Er(t, 200, c.tekst, "Gjør dette:", "Rett det som har feilet"), c.steg...); strings.Contains(s.HTML, "Send testsøknad") {
				t.Error("the button is there")
			}
			n.Post(t, provsti, "id", uuid.NewString()).Er(t, 422, "Testsøknaden er ikke sendt", c.tekst)
			if n := h.Antall(t, "digisos_sak"); n != 0 {
				t.Errorf("%d tests were made", n)
			}
		})
	}
}

// What is no longer in order when the message is built is shown in its place.
func TestProvFeilEtterSjekk(t *testing.T) {
	t.Parallel()
	h := provhus(t, portaltest.NyttHus(t), nil)
	h.Nokkel(t)
	n := h.Som(t, portaltest.Admin)
	sti := sendProv(t, n)
	portaltest.Must(t, h.Fio.FjernSertifikat(t.Context(), portaltest.Konto, ""))
	utfor(t, h)
	erSteg(t, n.Get(t, sti).Er(t, 200, "Kontoen har ingen offentlig nøkkel"),
		"Nøkkel til kryptering: Feilet", "Adresse for Digisos: Ikke prøvd", "Tilkoblet fagsystem: Ikke prøvd", "Melding bygd og kryptert: Feilet", "Lagt i køen: Ikke prøvd", "Hentet av fagsystemet: Ikke prøvd", "Kvittering fra fagsystemet: Ikke prøvd")
	ingenAlarm(t, h)
}

func TestProvSvarInn(t *testing.T) {
	t.Parallel()
	h := provhus(t, portaltest.NyttHus(t), svarInnAlene)
	system, passord := h.Mottakersystem(t, portaltest.OrgTest, portaltest.OrgnrT)
	be := h.Importer(t, system, passord)
	n := h.Som(t, portaltest.Admin)
	erSteg(t, n.Get(t, provsti).Er(t, 200, "Fagsystem sosial", system),
		"Oppsett av Digisos: I orden", "Mottakersystem i SvarInn: I orden", "Sertifikat: I orden", "Brukernavn og passord: I orden")
	sti := sendProv(t, n)
	erSteg(t, n.Get(t, sti), "Lagt i listen i SvarInn: Pågår", "Listen er hentet: Venter", "Lastet ned: Venter", "Kvittert: Venter")
	utfor(t, h)
	erSteg(t, n.Get(t, sti).Er(t, 200, svarinn.StiListe, system), "Lagt i listen i SvarInn: Ferdig", "Listen er hentet: Pågår", "Lastet ned: Venter", "Kvittert: Venter")
	var forsendelse string
	for range 3 { // importers ask again and again
		kode, liste := be("GET", svarinn.StiListe)
		m := regexp.MustCompile(`/tjenester/svarinn/forsendelse/([0-9a-f-]{36})`).FindStringSubmatch(liste)
		if kode != 200 || m == nil || !strings.Contains(liste, "TESTSØKNAD – skal ikke behandles") {
			t.Fatalf("%d %s", kode, liste)
		}
		forsendelse = m[1]
	}
	erSteg(t, n.Get(t, sti), "Listen er hentet: Ferdig", "Lastet ned: Pågår", "Kvittert: Venter")
	if kode, kropp := be("GET", "/tjenester/svarinn/forsendelse/"+forsendelse); kode != 200 || len(kropp) < 1000 {
		t.Fatalf("%d, %d bytes", kode, len(kropp))
	}
	erSteg(t, n.Get(t, sti), "Listen er hentet: Ferdig", "Lastet ned: Ferdig", "Kvittert: Pågår")
	portaltest.Must(t, h.Inn.MottakFeilet(t.Context(), system, forsendelse, "Arkivet er stengt", false))
	n.Get(t, sti).Er(t, 200, "<blockquote>Arkivet er stengt</blockquote>")
	if kode, kropp := be("POST", "/tjenester/svarinn/kvitterMottak/forsendelse/"+forsendelse); kode != 200 {
		t.Fatalf("%d %s", kode, kropp)
	}
	erSteg(t, n.Get(t, sti).Er(t, 200, "Oppsettet virker"), "Lastet ned: Ferdig", "Kvittert: Ferdig", "Saksoppdatering (valgfritt): Pågår")
	if got := h.Antall(t, `svarinn_hendelser WHERE slag IN ('LISTET', 'LASTET_NED')`); got != 2 {
		t.Errorf("%d marks of what happened", got)
	}
	h.Frem(t, 25*time.Hour)
	n = h.Som(t, portaltest.Admin)
	n.Get(t, sti).Er(t, 200, "Innholdet i testsøknaden er slettet", "Oppsettet virker")
	if filer, rader := h.Antall(t, `svarut_forsendelser WHERE slettet = 0`), h.Antall(t, `svarinn_forsendelser`); filer+rader != 0 {
		t.Errorf("left in SvarUt %d, in SvarInn %d", filer, rader)
	}
	ingenAlarm(t, h)
}

// In SvarInn a test that nobody takes, or that cannot be taken, goes no further.
func TestProvSvarInnFeil(t *testing.T) {
	t.Parallel()
	for navn, c := range map[string]struct {
		gjor    func(t *testing.T, h *portaltest.Hus, n *portaltest.Nettleser, sti, system, id string, be func(string, string) (int, string))
		tekster []string
		steg    []string
	}{
		"nobody fetches": {func(t *testing.T, h *portaltest.Hus, _ *portaltest.Nettleser, _, _, id string, be func(string, string) (int, string)) {
			h.Frem(t, 41*time.Minute)
			if _, liste := be("GET", svarinn.StiListe); liste != "[]" {
				t.Errorf("it is still there: %s", liste)
			}
			if kode, _ := be("POST", "/tjenester/svarinn/kvitterMottak/forsendelse/"+id); kode != 410 {
				t.Errorf("a late receipt: %d", kode)
			}
		}, []string{"Den stoppet her: Listen er hentet.", "hentet ikke listen før fristen var ute"}, []string{"Lagt i listen i SvarInn: Ferdig", "Listen er hentet: Feilet", "Lastet ned: Ikke prøvd", "Kvittert: Ikke prøvd"}},
		"cannot be taken": {func(t *testing.T, h *portaltest.Hus, _ *portaltest.Nettleser, _, system, id string, _ func(string, string) (int, string)) {
			portaltest.Must(t, h.Inn.MottakFeilet(t.Context(), system, id, "Ukjent avsender", true))
		}, []string{"<blockquote>Ukjent avsender</blockquote>"}, []string{"Listen er hentet: Ferdig", "Lastet ned: Ferdig", "Kvittert: Feilet"}},
		"cancelled": {func(t *testing.T, _ *portaltest.Hus, n *portaltest.Nettleser, sti, _, _ string, be func(string, string) (int, string)) {
			n.Post(t, sti).Til(t, sti)
			if _, liste := be("GET", svarinn.StiListe); liste != "[]" {
				t.Errorf("it is still there: %s", liste)
			}
		}, []string{"Prøven er avbrutt"}, []string{"Lagt i listen i SvarInn: Ferdig", "Listen er hentet: Ikke prøvd", "Lastet ned: Ikke prøvd", "Kvittert: Ikke prøvd"}},
	} {
		t.Run(navn, func(t *testing.T) {
			t.Parallel()
			h := provhus(t, portaltest.NyttHus(t), svarInnAlene)
			system, passord := h.Mottakersystem(t, portaltest.OrgTest, portaltest.OrgnrT)
			n := h.Som(t, portaltest.Admin)
			sti := sendProv(t, n)
			utfor(t, h)
			var id string
			portaltest.Must(t, h.DB.Read().QueryRowContext(t.Context(), `SELECT id FROM svarinn_forsendelser`).Scan(&id))
			c.gjor(t, h, n, sti, system, id, h.Importer(t, system, passord))
			utfor(t, h)
			n = h.Som(t, portaltest.Admin) // the clock may have moved
			erSteg(t, n.Get(t, sti).Er(t, 200, c.tekster...), c.steg...)
			ingenAlarm(t, h)
			h.Frem(t, 26*time.Hour)
			n = h.Som(t, portaltest.Admin)
			n.Get(t, sti).Er(t, 200, "Innholdet i testsøknaden er slettet")
			if n := h.Antall(t, `svarut_forsendelser WHERE slettet = 0`); n != 0 {
				t.Errorf("%d forsendelser are left in SvarUt", n)
			}
			ingenAlarm(t, h)
		})
	}
}

// One at a time, of one organisation, by its administrators.
func TestProvEnOmGangen(t *testing.T) {
	t.Parallel()
	h := provhus(t, portaltest.NyttHus(t), nil)
	h.Nokkel(t)
	h.Dokumentlager(t, portaltest.OrgSkog)
	n := h.Som(t, portaltest.Admin)
	id := n.Get(t, provsti).Skjult(t, "id")
	sti := sendProv(t, n)
	if s := n.Get(t, provsti).Er(t, 200, "En testsøknad er på vei", `href="`+sti+`"`); strings.Contains(s.HTML, "Send testsøknad") {
		t.Error("the button is there")
	}
	n.Post(t, provsti, "id", id).Er(t, 409, "En testsøknad er allerede på vei")
	n.Post(t, provsti, "id", "x").Er(t, 400)
	n.Post(t, provsti).Er(t, 400)

	// Another organisation's, and what is no test, are not there.
	skog := strings.Replace(sti, portaltest.OrgTest, portaltest.OrgSkog, 1)
	n.Get(t, skog).Er(t, 404)
	n.Post(t, skog).Er(t, 404)
	h.Som(t, portaltest.Alene).Get(t, sti).Er(t, 404, "Siden finnes ikke")
	h.Som(t, portaltest.Alene).Post(t, provsti, "id", uuid.NewString()).Er(t, 404)
	n.Get(t, provsti+"/"+uuid.NewString()).Er(t, 404)
	n.Get(t, provsti+"/x").Er(t, 404)
	n.Get(t, strings.Replace(provsti, portaltest.OrgTest, portaltest.OrgSkog, 1)).Til(t, "/forvaltning/"+portaltest.OrgSkog+"/digisos")
	lav := h.Nettleser()
	lav.LoggInn(t, portaltest.Admin, 3, "/")
	lav.Get(t, sti).Til(t, "/logg-inn?til="+sti+"&niva=4")

	// Too many in a day.
	h.Skriv(t, func(tx *store.Tx) error {
		for range 50 {
			if _, err := tx.ExecContext(t.Context(), `INSERT INTO digisos_sak (id, fiks_org_id, kommunenummer, nav_ekstern_ref_id, soker_hash, oppdatering_id, oppdatering_filer, oppdatert, levert, opprettet, sist_endret, slettes, slettet, prove)
				VALUES ($1, $2, '9901', NULL, '', '', '', 0, 0, $3, $3, $3, $3, 2)`, uuid.NewString(), portaltest.OrgTest, store.Micros(h.Klokke.Now())-1); err != nil {
				return err
			}
		}
		return nil
	})
	if err := h.Dig.SendProve(t.Context(), portaltest.OrgTest, uuid.NewString()); !feil.Er(err, feil.ForMange) {
		t.Errorf("the 51st of a day: %v", err)
	}
}

// A login that ran out before the button was pressed: nothing is sent, and the page
// says so after the next one.
func TestProvUtloptInnlogging(t *testing.T) {
	t.Parallel()
	h := provhus(t, portaltest.NyttHus(t), nil)
	h.Nokkel(t)
	n := h.Som(t, portaltest.Admin)
	id := n.Get(t, provsti).Skjult(t, "id")
	h.Frem(t, time.Hour)
	n.Post(t, provsti, "id", id).Til(t, "/logg-inn?til="+provsti)
	n.LoggInn(t, portaltest.Admin, 4, provsti).Til(t, provsti)
	s := n.Get(t, provsti).Er(t, 200, "Du ble logget ut før testsøknaden ble sendt")
	if n := h.Antall(t, "digisos_sak"); n != 0 {
		t.Errorf("%d were sent", n)
	}
	id = s.Skjult(t, "id")
	n.Post(t, provsti, "id", id).Til(t, provsti+"/"+id)
	if s := n.Get(t, provsti).Er(t, 200, "En testsøknad er på vei"); strings.Contains(s.HTML, "Du ble logget ut") {
		t.Error("it is told again")
	}
}
