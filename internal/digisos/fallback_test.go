package digisos

import (
	"crypto/rand"
	"crypto/x509"
	"fmt"
	"log/slog"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"knutepunkt/asice"
	"knutepunkt/cms"
	"knutepunkt/internal/fiksio"
	"knutepunkt/internal/fiksio/amqp"
	"knutepunkt/internal/grunntest"
	"knutepunkt/internal/levering"
	"knutepunkt/internal/store"
)

// fagsystem is a municipality's konto in the real Fiks IO, beside a SvarUt that
// only takes what it is given.
type fagsystem struct {
	*hus
	plattform fiksio.Konto
	logg      *logg
	id        string // of the søknad
}

type logg struct{ strings.Builder }

const kontoFag = "00000000-0000-4000-9000-000000000999"

func nyttFagsystem(t *testing.T) *fagsystem {
	t.Helper()
	f := &fagsystem{hus: nyttHus(t), logg: &logg{}}
	f.fio.Log = slog.New(slog.NewTextHandler(f.logg, nil))
	f.write(t, func(tx *store.Tx) error {
		var err error
		if f.plattform, err = f.fio.SikrePlattformkonto(t.Context(), tx, orgNAV); err != nil {
			return err
		}
		_, err = f.fio.OpprettKonto(t.Context(), tx, fiksio.Konto{ID: kontoFag, FiksOrgID: orgOslo, Navn: "Fagsystem", Aktiv: true, Sertifikat: sertifikat(t, 365*24*time.Hour)})
		if err != nil {
			return err
		}
		_, err = f.fio.OpprettAdresse(t.Context(), tx, fiksio.Adresse{KontoID: kontoFag, Beskrivelse: "Digisos", Aktiv: true,
			Identifikatorer: []fiksio.Identifikator{{Type: "ORG_NO", Verdi: "974778866"}}, Protokoller: []string{Protokoll}, Nivaer: []int{4}})
		return err
	})
	f.lev.RegistrerKanal(fiksio.NyKanal(f.fio, f.lev, f.plattform.ID))
	f.settKonfig(t, func(k *KommuneKonfigurasjon) { k.FiksIOKontoID = kontoFag })
	return f
}

func sertifikat(t *testing.T, levetid time.Duration) []byte {
	t.Helper()
	key, _ := grunntest.Plattformnokkel(t)
	mal := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: grunntest.Start.Add(-time.Hour), NotAfter: grunntest.Start.Add(levetid)}
	cert, err := x509.CreateCertificate(rand.Reader, mal, mal, &key.PublicKey, key)
	must(t, err)
	return cert
}

func (f *fagsystem) broker() *fiksio.Broker { return f.fio.Broker(nil) }

// forst is the first message in the fagsystem's queue.
func (f *fagsystem) forst(t *testing.T) []amqp.Ref {
	t.Helper()
	ms, err := f.broker().Ready(t.Context(), fiksio.Ko(kontoFag), 0, 10)
	if err != nil || len(ms) == 0 {
		t.Fatalf("%d messages, %v", len(ms), err)
	}
	return []amqp.Ref{{Queue: ms[0].Queue, Seq: ms[0].Seq}}
}

// levering is the søknad's.
func (f *fagsystem) levering(t *testing.T) (levering.Levering, []levering.Historie) {
	t.Helper()
	l, h, err := f.lev.Hent(t.Context(), f.DB.Read(), f.id)
	must(t, err)
	return l, h
}

// svarPa answers the søknad's message, with a text in its payload if there is one.
func (f *fagsystem) svarPa(t *testing.T, meldingID, typ, tekst string) {
	t.Helper()
	var n *fiksio.Nyttelast
	if tekst != "" {
		var err error
		n, err = f.fio.Motta(t.Context(), strings.NewReader(pakket(t, tekst)))
		must(t, err)
		defer n.Forkast()
	}
	f.write(t, func(tx *store.Tx) error {
		_, err := f.fio.Send(t.Context(), tx, fiksio.Utgaaende{AvsenderKontoID: kontoFag, MottakerKontoID: f.plattform.ID, Type: typ, SvarPaMelding: meldingID}, n)
		return err
	})
	f.lever(t)
}

// pakket is a feilmelding as a fagsystem sends it.
func pakket(t *testing.T, tekst string) string {
	t.Helper()
	key, cert := grunntest.Plattformnokkel(t)
	var b strings.Builder
	w, err := cms.NewWriter(&b, cert)
	must(t, err)
	p, err := asice.NewWriter(w, asice.Key{Signer: key, Chain: []*x509.Certificate{cert}}, asice.WriterOptions{Time: grunntest.Start})
	must(t, err)
	must(t, p.Add("feilmelding.json", "application/json", strings.NewReader(fmt.Sprintf(`{"feilmelding":%q}`, tekst))))
	must(t, p.Close())
	must(t, w.Close())
	return b.String()
}

// Every way out of Fiks IO leads to SvarUt, once, with the state that says why;
// levertFagsystem is true only when somebody has confirmed.
func TestVeierTilSvarUt(t *testing.T) {
	t.Parallel()
	type tilstander []levering.Tilstand
	direkte := tilstander{levering.IkkeSendt, levering.Sendt}
	umulig := tilstander{levering.IkkeSendt, levering.IkkeSendt, levering.Sendt}
	melding := func(t *testing.T, f *fagsystem) string {
		l, _ := f.levering(t)
		if l.Kanal != levering.KanalFiksIO || l.Tilstand != levering.Sendt || len(f.svarUt.sett) != 0 {
			t.Fatalf("not with the fagsystem: %+v", l)
		}
		return l.LeveranseID
	}
	for navn, tt := range map[string]struct {
		start func(t *testing.T, f *fagsystem) // before the søknad is taken in
		saa   func(t *testing.T, f *fagsystem) // before it is sent
		etter func(t *testing.T, f *fagsystem) // after
		want  tilstander
		grunn string
	}{
		"kommunen bruker ikke Fiks IO": {
			start: func(t *testing.T, f *fagsystem) {
				f.settKonfig(t, func(k *KommuneKonfigurasjon) { k.BrukerFiksIO = false })
			},
			want: direkte},
		"kommunen slo av Fiks IO etterpå": {
			saa: func(t *testing.T, f *fagsystem) {
				f.settKonfig(t, func(k *KommuneKonfigurasjon) { k.BrukerFiksIO = false })
			},
			want: umulig, grunn: "kommunen bruker ikke Fiks IO"},
		"kontoen finnes ikke": {
			saa:  func(t *testing.T, f *fagsystem) { must(t, f.fio.SlettKonto(t.Context(), kontoFag, adminOs.Fnr)) },
			want: umulig, grunn: "støtter ikke " + Protokoll},
		"kontoen mangler nøkkel": {
			saa:  func(t *testing.T, f *fagsystem) { f.settSertifikat(t, nil) },
			want: umulig, grunn: "Kontoen har ingen offentlig nøkkel"},
		"kontoens nøkkel er utløpt": {
			start: func(t *testing.T, f *fagsystem) {
				f.settSertifikat(t, sertifikat(t, time.Hour))
				f.Frem(t, 2*time.Hour)
			},
			want: umulig, grunn: "Sertifikatet utløp"},
		"kontoen har ikke protokollen": {
			saa:  func(t *testing.T, f *fagsystem) { f.fjernAdresser(t, kontoFag) },
			want: umulig, grunn: "støtter ikke " + Protokoll},
		"fagsystemet avviser": {
			etter: func(t *testing.T, f *fagsystem) {
				f.svarPa(t, melding(t, f), "no.ks.fiks.kvittering.ugyldigforespoersel.v1", "")
			},
			want: tilstander{levering.IkkeSendt, levering.Sendt, levering.IkkeSendt, levering.Sendt}, grunn: "Mottakeren avviste meldingen som ugyldig"},
		"fagsystemet kvitterer for noe annet": {
			etter: func(t *testing.T, f *fagsystem) { f.svarPa(t, melding(t, f), TypeEttersendelseMottatt, "") },
			want:  tilstander{levering.IkkeSendt, levering.Sendt, levering.IkkeSendt, levering.Sendt}, grunn: "Mottakeren svarte med " + TypeEttersendelseMottatt},
		"ingen henter før meldingen utløper": {
			etter: func(t *testing.T, f *fagsystem) { melding(t, f); f.Frem(t, 24*time.Hour) },
			want:  tilstander{levering.IkkeSendt, levering.Sendt, levering.TTLTidsavbrudd, levering.Sendt}, grunn: "Meldingen ble ikke hentet før den utløp"},
		"tre forsøk uten kvittering": {
			etter: func(t *testing.T, f *fagsystem) {
				melding(t, f)
				for range fiksio.MaxForsok {
					if _, err := f.broker().Requeue(t.Context(), f.forst(t)); err != nil {
						t.Fatal(err)
					}
				}
				f.lever(t)
			},
			want: tilstander{levering.IkkeSendt, levering.Sendt, levering.MaxRetriesavbrudd, levering.Sendt}, grunn: "uten å bli kvittert"},
		"hentet, men aldri besvart: egen frist": {
			etter: func(t *testing.T, f *fagsystem) {
				melding(t, f)
				must(t, f.broker().Ack(t.Context(), f.forst(t)))
				f.Frem(t, 24*time.Hour)
				melding(t, f) // the margin is not over
				f.Frem(t, 10*time.Minute)
			},
			want: tilstander{levering.IkkeSendt, levering.Sendt, levering.TTLTidsavbrudd, levering.Sendt}, grunn: "ingen kvittering innen fristen"},
		"mottaket deaktiveres mens den er underveis": {
			saa: func(t *testing.T, f *fagsystem) {
				f.settKonfig(t, func(k *KommuneKonfigurasjon) { k.FiksIOKontoID, k.MidlertidigDeaktivertMottak = kontoFag, true })
				f.send(t, innbygger(kari), "/digisos/api/v2/soknader/0301/ny", soknadDeler(t, kari)...).er(t, 400)
			},
			etter: func(t *testing.T, f *fagsystem) { melding(t, f); f.Frem(t, 25*time.Hour) }, // what was accepted goes all the way
			want:  tilstander{levering.IkkeSendt, levering.Sendt, levering.TTLTidsavbrudd, levering.Sendt}, grunn: "Meldingen ble ikke hentet"},
	} {
		t.Run(navn, func(t *testing.T) {
			t.Parallel()
			f := nyttFagsystem(t)
			gjor := func(fn func(*testing.T, *fagsystem)) {
				if fn != nil {
					fn(t, f)
				}
			}
			gjor(tt.start)
			f.id = f.nySoknad(t, kari, "110000001")
			gjor(tt.saa)
			f.lever(t)
			gjor(tt.etter)
			l, historie := f.levering(t)
			var got tilstander
			grunner := ""
			for _, h := range historie {
				got, grunner = append(got, h.Tilstand), grunner+h.Grunn+"\n"
			}
			if d := cmp.Diff(tt.want, got); d != "" || !strings.Contains(grunner, tt.grunn) {
				t.Errorf("%s: %s", grunner, d)
			}
			if l.Kanal != levering.KanalSvarUt || len(f.svarUt.sett) != 1 || l.Alarm {
				t.Fatalf("%d by SvarUt: %+v", len(f.svarUt.sett), l)
			}
			f.levert(t, false)
			f.bekreft(t, f.svarUt)
			f.levert(t, true)
		})
	}
}

// levert holds nav/soknader/status against what is wanted.
func (f *fagsystem) levert(t *testing.T, want bool) {
	t.Helper()
	st, err := f.s.NavStatus(t.Context(), []string{f.id}, "1")
	must(t, err)
	if len(st) != 1 || st[0].LevertFagsystem != want {
		t.Errorf("levertFagsystem: %+v, want %v", st, want)
	}
}

func (f *fagsystem) settSertifikat(t *testing.T, der []byte) {
	t.Helper()
	f.write(t, func(tx *store.Tx) error {
		_, err := tx.ExecContext(t.Context(), `UPDATE fiksio_konto SET sertifikat = $2 WHERE id = $1`, kontoFag, der)
		return err
	})
}

// A receipt that comes after SvarUt took over is logged and changes nothing.
func TestSenKvitteringEtterSvarUt(t *testing.T) {
	t.Parallel()
	f := nyttFagsystem(t)
	f.id = f.nySoknad(t, kari, "110000001")
	f.lever(t)
	l, _ := f.levering(t)
	forste := l.LeveranseID
	f.Frem(t, 25*time.Hour)
	f.svarPa(t, forste, TypeSoknadMottatt, "")
	l, historie := f.levering(t)
	if l.Tilstand != levering.Sendt || l.Kanal != levering.KanalSvarUt || l.LeveranseID == forste {
		t.Errorf("%+v", l)
	}
	if siste := historie[len(historie)-1]; siste.Kanal != levering.KanalFiksIO || siste.Grunn != "sen kvittering, endrer ingenting" {
		t.Errorf("%+v", siste)
	}
	if !strings.Contains(f.logg.String(), "the levering has moved on") {
		t.Errorf("the log: %s", f.logg)
	}
	f.levert(t, false)
	if got := f.tilstander(t, f.id); got != "AKSEPTERT_FIKS SENDT_FIKS_IO SENDT_SVARUT" {
		t.Error(got)
	}
}

// A refusal is in the history of the case with the fagsystem's words, sealed; its
// technical contacts are told once for a forsendelse, by ids and without the
// words; and the words go when the case is deleted.
func TestAvslagFraFagsystemet(t *testing.T) {
	t.Parallel()
	const ord = "Hemmelig Nordmann 01870112345 har flyttet"
	f := nyttFagsystem(t)
	f.svarUt.feil = levering.ErrIkkeMulig
	f.id = f.nySoknad(t, kari, "110000001")
	f.lever(t)
	var avvist []string
	for range 2 { // the plan starts anew after an hour, and is refused again
		l, _ := f.levering(t)
		if l.Kanal != levering.KanalFiksIO || l.Tilstand != levering.Sendt {
			t.Fatalf("%+v", l)
		}
		avvist = append(avvist, l.LeveranseID)
		f.svarPa(t, l.LeveranseID, "no.ks.fiks.kvittering.ugyldigforespoersel.v1", ord)
		f.Frem(t, time.Hour)
	}
	hs, err := f.s.Historikk(t.Context(), f.id)
	must(t, err)
	hs = slices.DeleteFunc(hs, func(h Historie) bool { return h.State != AvvistFagsystem })
	if len(hs) != 2 || hs[0].Tekst != ord || hs[0].ForsendelseID != f.id || !hs[0].Hendelsestidspunkt.Equal(grunntest.Start) {
		t.Errorf("%+v", hs)
	}
	alle, err := f.Epost.Alle(t.Context())
	must(t, err)
	avslag := 0
	for _, m := range alle {
		if strings.Contains(m.Subject, "avviste en søknad") {
			avslag++
			if m.To[0] != "teknisk@oslo.test" || !strings.Contains(m.Text, f.id) || !strings.Contains(m.Text, avvist[0]) ||
				!strings.Contains(m.Text, "historikken") || !strings.Contains(m.Text, "sendes nå med SVARUT") {
				t.Errorf("%+v", m)
			}
		}
		if strings.Contains(m.Subject+m.Text, "Nordmann") || strings.Contains(m.Text, kari) {
			t.Errorf("the words are in an e-mail: %s", m.Text)
		}
	}
	if avslag != 1 {
		t.Errorf("told %d times", avslag)
	}
	_, leveringens := f.levering(t)
	for _, h := range leveringens {
		if strings.Contains(h.Grunn, "Nordmann") {
			t.Errorf("%+v", h)
		}
	}
	if strings.Contains(f.logg.String(), "Nordmann") {
		t.Errorf("the log: %s", f.logg)
	}
	f.ikkeLesbart(t, "Nordmann", kari)

	must(t, f.lev.Stopp(t.Context(), f.id, "Kari Drift", "levert på papir"))
	must(t, f.s.SlettSak(t.Context(), f.id))
	hs, err = f.s.Historikk(t.Context(), f.id)
	must(t, err)
	for _, h := range hs {
		if h.Tekst != "" {
			t.Errorf("%+v", h)
		}
	}
	if n := f.antall(t, "digisos_historikk WHERE tekst IS NOT NULL"); n != 0 {
		t.Errorf("%d texts are left", n)
	}
}

// An ettersendelse that is refused is told of by its own name; one without words says so.
func TestAvslagAvEttersendelseUtenBegrunnelse(t *testing.T) {
	t.Parallel()
	f := nyttFagsystem(t)
	f.id = f.nySoknad(t, kari, "110000001")
	f.lever(t)
	f.ettersend(t, kari, f.id, "1100000010001", "a.pdf").er(t, 202)
	f.lever(t)
	var meldingID string
	must(t, f.DB.Read().QueryRowContext(t.Context(), `SELECT leveranse_id FROM leveringer WHERE kilde = $1`, KildeEttersendelse).Scan(&meldingID))
	f.svarPa(t, meldingID, TypeSoknadMottatt, "")
	alle, err := f.Epost.Alle(t.Context())
	must(t, err)
	if len(alle) != 1 || alle[0].Subject != "Fagsystemet avviste en ettersendelse" || !strings.Contains(alle[0].Text, "ga ingen begrunnelse") ||
		!strings.Contains(alle[0].Text, "1100000010001") {
		t.Errorf("%+v", alle)
	}
	f.s.Mail = nil // no e-mail is set up: it is in the history all the same
	f.ettersend(t, kari, f.id, "1100000010002", "a.pdf").er(t, 202)
	f.lever(t)
	must(t, f.DB.Read().QueryRowContext(t.Context(), `SELECT leveranse_id FROM leveringer WHERE kilde = $1 AND kanal = 'FIKS_IO'`, KildeEttersendelse).Scan(&meldingID))
	f.svarPa(t, meldingID, TypeSoknadMottatt, "")
	if got := f.tilstander(t, f.id); strings.Count(got, AvvistFagsystem) != 2 {
		t.Error(got)
	}
}
