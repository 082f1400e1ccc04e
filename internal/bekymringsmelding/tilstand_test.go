package bekymringsmelding

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"knutepunkt/internal/bekymringsmelding/skjema"
	"knutepunkt/internal/fiksio/amqp"
	"knutepunkt/internal/levering"
	"knutepunkt/internal/store"
	"knutepunkt/internal/svarut/print"
)

// feilmeldinger are what fagsystemer send with feilet (§11.3, §17).
func (h *hus) feilmelding(t testing.TB, slag string) []byte {
	t.Helper()
	switch slag {
	case "ingen":
		return nil
	case "søppel":
		return []byte("ikke CMS i det hele tatt")
	case "til seg selv":
		return kryptert(t, fagsystem().cert, []byte("PK\x03\x04"))
	case "ikke ASiC-E":
		return kryptert(t, plattform(t), []byte("PK\x03\x04 men ikke mer"))
	}
	return kryptert(t, plattform(t), pakket(t, "feilmelding.json", slag))
}

// The whole of §13: each event from each state, by the name that the sender sees.
func TestTilstander(t *testing.T) {
	t.Parallel()
	const ved24 = "AKSEPTERT SENDT_FAGSYSTEM SENDT_PRINT"
	avvist := func(slag string) func(*testing.T, *hus, string) {
		return func(t *testing.T, h *hus, id string) {
			h.svarFra(t, kontoBergen, typeFeilet, h.fiksioID(t, id), h.feilmelding(t, slag))
		}
	}
	printet := func(status print.Tilstand) func(*testing.T, *hus, string) {
		return func(t *testing.T, h *hus, id string) { h.kvitterPrint(t, h.sisteJobb(t, id).ID, status) }
	}
	frem := func(d time.Duration) func(*testing.T, *hus, string) {
		return func(t *testing.T, h *hus, _ string) { h.Frem(t, d) }
	}
	mottatt := func(t *testing.T, h *hus, id string) { h.svarFra(t, kontoBergen, typeMottatt, h.fiksioID(t, id), nil) }
	bekreft := func(t *testing.T, h *hus, id string) { must(t, h.s.Bekreft(t.Context(), bruker, id)) }
	type steg = func(*testing.T, *hus, string)
	for _, c := range []struct {
		navn, bydel string
		steg        []steg
		want        string
		brev        int // letters made
	}{
		{"Fiks IO, venter", bydelFiksIO, nil, "AKSEPTERT SENDT_FAGSYSTEM", 0},
		{"Fiks IO, mottatt", bydelFiksIO, []steg{mottatt}, "AKSEPTERT SENDT_FAGSYSTEM LEVERT", 0},
		{"Fiks IO, mottatt to ganger", bydelFiksIO, []steg{mottatt, mottatt}, "AKSEPTERT SENDT_FAGSYSTEM LEVERT", 0},
		{"Fiks IO, mottatt, så feilet", bydelFiksIO, []steg{mottatt, avvist("ingen")}, "AKSEPTERT SENDT_FAGSYSTEM LEVERT", 0},
		{"Fiks IO, feilet uten nyttelast", bydelFiksIO, []steg{avvist("ingen")}, "AKSEPTERT SENDT_FAGSYSTEM AVVIST_FAGSYSTEM SENDT_PRINT", 1},
		{"Fiks IO, feilet med søppel", bydelFiksIO, []steg{avvist("søppel")}, "AKSEPTERT SENDT_FAGSYSTEM AVVIST_FAGSYSTEM SENDT_PRINT", 1},
		{"Fiks IO, feilet kryptert til seg selv", bydelFiksIO, []steg{avvist("til seg selv")}, "AKSEPTERT SENDT_FAGSYSTEM AVVIST_FAGSYSTEM SENDT_PRINT", 1},
		{"Fiks IO, feilet uten ASiC-E", bydelFiksIO, []steg{avvist("ikke ASiC-E")}, "AKSEPTERT SENDT_FAGSYSTEM AVVIST_FAGSYSTEM SENDT_PRINT", 1},
		{"Fiks IO, feilet to ganger", bydelFiksIO, []steg{avvist("ingen"), avvist("ingen")}, "AKSEPTERT SENDT_FAGSYSTEM AVVIST_FAGSYSTEM SENDT_PRINT", 1},
		{"Fiks IO, utløpt", bydelFiksIO, []steg{frem(24*time.Hour + 10*time.Minute)}, ved24, 1},
		{"Fiks IO, like før", bydelFiksIO, []steg{frem(24*time.Hour - time.Second)}, "AKSEPTERT SENDT_FAGSYSTEM", 0},
		{"Fiks IO, utløpt, så mottatt", bydelFiksIO, []steg{frem(25 * time.Hour), mottatt}, ved24, 1},
		{"Fiks IO, utløpt, brev postlagt", bydelFiksIO, []steg{frem(25 * time.Hour), printet(print.Levert)}, ved24 + " LEVERT", 1},
		{"brev avvist", bydelFiksIO, []steg{frem(25 * time.Hour), printet(print.Avvist)}, ved24 + " AVVIST_PRINT", 1},
		{"brev avvist, så mottatt", bydelFiksIO, []steg{frem(25 * time.Hour), printet(print.Avvist), mottatt}, ved24 + " AVVIST_PRINT", 1},
		{"brev avvist to ganger", bydelFiksIO, []steg{frem(25 * time.Hour), printet(print.Avvist), printet(print.Avvist)}, ved24 + " AVVIST_PRINT", 1},
		{"brev avvist, likevel postlagt", bydelFiksIO, []steg{frem(25 * time.Hour), printet(print.Avvist), printet(print.Levert)}, ved24 + " AVVIST_PRINT LEVERT", 1},
		{"levert brev, så mottatt", bydelFiksIO, []steg{frem(25 * time.Hour), printet(print.Levert), mottatt}, ved24 + " LEVERT", 1},
		{"manuelt, bekreftet", bydelManuell, []steg{bekreft}, "AKSEPTERT SENDT_FAGSYSTEM LEVERT", 0},
		{"manuelt, bekreftet to ganger", bydelManuell, []steg{bekreft, bekreft}, "AKSEPTERT SENDT_FAGSYSTEM LEVERT", 0},
		{"manuelt, to virkedager", bydelManuell, []steg{frem(48 * time.Hour)}, ved24, 1},
		{"manuelt, like før", bydelManuell, []steg{frem(48*time.Hour - time.Second)}, "AKSEPTERT SENDT_FAGSYSTEM", 0},
		{"SvarInn, to virkedager", bydelSvarInn, []steg{frem(48 * time.Hour)}, ved24, 1},
		{"bare brev", bydelPrint, nil, "AKSEPTERT SENDT_PRINT", 1},
		{"bare brev, postlagt", bydelPrint, []steg{printet(print.Levert)}, "AKSEPTERT SENDT_PRINT LEVERT", 1},
	} {
		for _, omstart := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/omstart=%v", c.navn, omstart), func(t *testing.T) {
				t.Parallel()
				h := nyttHus(t)
				id := h.send(t, c.bydel)
				for _, s := range c.steg {
					if omstart {
						h = h.omstart(t)
					}
					s(t, h, id)
				}
				if omstart {
					h = h.omstart(t)
					h.kjor(t)
				}
				h.vil(t, id, c.want)
				if got := len(h.jobber(t)); got != c.brev {
					t.Errorf("%d letters, want %d", got, c.brev)
				}
			})
		}
	}
}

// omstart is a new process over the same data.
func (h *hus) omstart(t testing.TB) *hus {
	t.Helper()
	h.Blobs.Wait()
	must(t, h.DB.Close())
	return apneHus(t, h.Dir, h.Grunn.Klokke)
}

// fiksioID is the id under which a report went over Fiks IO.
func (h *hus) fiksioID(t testing.TB, id string) string {
	t.Helper()
	alle, err := h.s.hendelser(t.Context(), h.DB.Read(), id)
	must(t, err)
	for _, e := range alle {
		if e.FiksIOMeldingID != "" {
			return e.FiksIOMeldingID
		}
	}
	t.Fatal("the report has not gone over Fiks IO")
	return ""
}

func (h *hus) sisteJobb(t testing.TB, id string) print.Jobb {
	t.Helper()
	alle := h.jobber(t)
	for i := len(alle) - 1; i >= 0; i-- {
		if alle[i].ForsendelseID == id {
			return alle[i]
		}
	}
	t.Fatal("no letter")
	return print.Jobb{}
}

// The message is as §12 says: type by version, the container byte for byte and
// inline, both forms of the headers, 24 hours to live.
func TestProtokoll(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	h.endreBydel(t, bydelFiksIO, func(b *Bydel) { b.StottetVersjon = skjema.V2 })
	for i, c := range []struct{ sti, typ string }{
		{"v1/%s/privat", "no.ks.fiks.bekymringsmelding.privat.v1"},
		{"v1/%s/offentlig", "no.ks.fiks.bekymringsmelding.offentlig.v1"},
		{"v2/%s/privat", "no.ks.fiks.bekymringsmelding.privat.v2"},
		{"v2/%s/offentlig", "no.ks.fiks.bekymringsmelding.offentlig.v2"},
	} {
		deler := h.deler(t, bydelFiksIO)
		ct, body := skjemaKropp(deler...)
		id := les[uuidSvar](t, h.gjor(t, skole, "POST", "/bekymringsmelding/api/"+fmt.Sprintf(c.sti, "mottak/fagsystem/"+orgSkole+"/4601/"+bydelFiksIO), ct, body), 201).UUID
		h.kjor(t)
		m := h.iKoen(t)[i]
		if !bytes.Equal(h.kropp(t, m), deler[1].innhold) {
			t.Error("the container is not what was sent in")
		}
		for navn, want := range map[string]string{
			"type": c.typ, "avsender-id": h.konto, "melding-id": h.fiksioID(t, id), "dokumentlager-id": "", "svar-til": "",
			"bydel-ressurs-id": ressursTil(bydelFiksIO), "egendefinert-header.bydel-ressurs-id": ressursTil(bydelFiksIO),
			"bekymringsmelding-id": id, "egendefinert-header.bekymringsmelding-id": id,
		} {
			if got := hode(m, navn); got != want {
				t.Errorf("header %s: %q, want %q", navn, got, want)
			}
		}
		if m.Expiration != "86400000" {
			t.Errorf("ttl %s", m.Expiration)
		}
	}
}

// A reply counts by its konto, its svar-til and its type (§12).
func TestAndresKvittering(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	annen := h.nyKonto(t)
	id := h.send(t, bydelFiksIO)
	fiksio := h.fiksioID(t, id)
	for _, c := range []struct{ konto, typ, til string }{
		{annen, typeMottatt, fiksio}, {annen, typeFeilet, fiksio},
		{kontoBergen, typeMottatt, annen},
		{kontoBergen, "no.ks.fiks.bekymringsmelding.mottatt.v2", fiksio},
		{kontoBergen, "noe.helt.annet", fiksio},
	} {
		h.svarFra(t, c.konto, c.typ, c.til, nil)
		h.vil(t, id, "AKSEPTERT SENDT_FAGSYSTEM")
	}
	h.svarFra(t, kontoBergen, typeMottatt, fiksio, nil)
	h.vil(t, id, "AKSEPTERT SENDT_FAGSYSTEM LEVERT")
}

// Three failed deliveries are as good as a refusal: nobody has stored it.
func TestIkkeKvittertTreGanger(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	id := h.send(t, bydelFiksIO)
	for range 3 {
		m := h.iKoen(t)[0]
		_, err := h.fio.Broker(nil).Requeue(t.Context(), []amqp.Ref{{Queue: m.Queue, Seq: m.Seq}})
		must(t, err)
	}
	h.kjor(t)
	h.vil(t, id, "AKSEPTERT SENDT_FAGSYSTEM SENDT_PRINT")
}

// What the fagsystem wrote is for the sender, sealed, and nobody else reads it.
func TestFeilmelding(t *testing.T) {
	t.Parallel()
	const ord = "Barnet heter Kari Hemmelig"
	for _, c := range []struct{ navn, json, want string }{
		{"melding", `{"melding":"` + ord + `"}`, ": " + ord},
		{"tom", `{}`, ": {}"},
	} {
		t.Run(c.navn, func(t *testing.T) {
			t.Parallel()
			h := nyttHus(t)
			id := h.send(t, bydelFiksIO)
			h.svarFra(t, kontoBergen, typeFeilet, h.fiksioID(t, id), h.feilmelding(t, c.json))
			status := h.get(t, skole, "/bekymringsmelding/api/v1/mottak/fagsystem/"+orgSkole+"/bekymringsmelding/"+id+"/status").er(t, 200)
			if c.navn == "melding" && !strings.Contains(status, ord) {
				t.Errorf("the sender is not told: %s", status)
			}
			if got := h.get(t, operator, "/bekymringsmelding/api/v2/admin/historikk/"+id).er(t, 200); strings.Contains(got, ord) {
				t.Error("the operator reads what the fagsystem wrote")
			}
			if got := h.get(t, admin, "/bekymringsmelding/api/v2/admin/historikk/"+id+"?fiksOrgId="+orgBergen).er(t, 200); c.navn == "melding" && !strings.Contains(got, ord) {
				t.Errorf("the receiver's administrator is not told: %s", got)
			}
			h.lekker(t, ord, kjenneord)
		})
	}
}

// A konto that is broken is waited for, people are told, and in the end there is a letter.
func TestBruttKanal(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	_, err := h.fio.SettAktiv(t.Context(), kontoBergen, false, "")
	must(t, err)
	id := h.send(t, bydelFiksIO)
	h.vil(t, id, "AKSEPTERT")
	h.Frem(t, 59*time.Minute)
	if got := h.epost(t, "kontakt@bergen.test"); len(got) != 0 {
		t.Errorf("told too early: %v", got)
	}
	h.Frem(t, 2*time.Minute)
	if got := h.epost(t, "kontakt@bergen.test"); len(got) != 1 || !strings.Contains(got[0], "ikke sendt") {
		t.Errorf("told %v", got)
	}
	h.Frem(t, 5*time.Hour)
	h = h.omstart(t)
	if got := h.epost(t, "kontakt@bergen.test"); len(got) != 1 {
		t.Errorf("told %v", got)
	}
	h.vil(t, id, "AKSEPTERT")
	_, err = h.fio.SettAktiv(t.Context(), kontoBergen, true, "")
	must(t, err)
	h.Frem(t, 11*time.Minute)
	h.vil(t, id, "AKSEPTERT SENDT_FAGSYSTEM")

	_, err = h.fio.SettAktiv(t.Context(), kontoBergen, false, "")
	must(t, err)
	id = h.send(t, bydelFiksIO)
	h.Frem(t, 25*time.Hour)
	h.vil(t, id, "AKSEPTERT SENDT_PRINT")
}

// The deadline of the channels that are fetched from is two working days, by the
// vectors of §13, also when the platform was restarted in between.
func TestToVirkedager(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ sendt, frist string }{
		{"2026-06-10T09:00", "2026-06-12T09:00"},
		{"2026-04-01T14:00", "2026-04-08T14:00"},
		{"2026-04-02T10:00", "2026-04-09T00:00"},
		{"2026-05-13T09:00", "2026-05-18T09:00"},
		{"2026-05-15T10:00", "2026-05-19T10:00"},
		{"2027-05-14T08:00", "2027-05-19T08:00"},
		{"2025-04-30T15:00", "2025-05-05T15:00"},
		{"2026-12-23T12:00", "2026-12-28T12:00"},
		{"2026-12-30T16:00", "2027-01-04T16:00"},
		{"2026-11-21T23:30", "2026-11-25T00:00"},
	} {
		for _, bydel := range []string{bydelManuell, bydelSvarInn} {
			t.Run(c.sendt+"/"+bydel, func(t *testing.T) {
				t.Parallel()
				h := nyttHus(t)
				h.Klokke.Sett(oslotid(t, c.sendt))
				id := h.send(t, bydel)
				l, _, err := h.lev.Hent(t.Context(), h.DB.Read(), id)
				must(t, err)
				if want := oslotid(t, c.frist); !l.Frist.Equal(want) {
					t.Fatalf("deadline %s, want %s", l.Frist, want)
				}
				must(t, h.Jobs.AdvanceTo(t.Context(), oslotid(t, c.frist).Add(-time.Second), h.Klokke.Sett))
				h = h.omstart(t)
				h.kjor(t)
				h.vil(t, id, "AKSEPTERT SENDT_FAGSYSTEM")
				h.tilTid(t, c.frist)
				h.vil(t, id, "AKSEPTERT SENDT_FAGSYSTEM SENDT_PRINT")
				if n := len(h.jobber(t)); n != 1 {
					t.Errorf("%d letters", n)
				}
			})
		}
	}
}

// The letter is what the sender encrypted, byte for byte, with the office's address
// in the job file.
func TestBrev(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	deler := h.deler(t, bydelPrint)
	ct, body := skjemaKropp(deler...)
	id := les[uuidSvar](t, h.gjor(t, skole, "POST", mottakSti(bydelPrint), ct, body), 201).UUID
	h.kjor(t)
	j := h.sisteJobb(t, id)
	if j.Kilde != print.KildeBekymringsmelding || j.Tilstand != print.Klar || j.ForsendelseID != id {
		t.Errorf("job %+v", j)
	}
	b, err := os.ReadFile(filepath.Join(h.Dir, "print", j.PDF))
	must(t, err)
	if !bytes.Equal(b, deler[0].innhold) {
		t.Error("the letter is not what was sent in")
	}
	jobb, err := os.ReadFile(filepath.Join(h.Dir, "print", j.Jobbfil))
	must(t, err)
	for _, want := range []string{`"kilde": "BEKYMRINGSMELDING"`, `"navn": "Barnevernet i Bergen"`, `"adresselinje1": "Rådhusgata 10"`,
		`"serienummer": "4711"`, `"ferdigKryptert": true`, `"forsendelseId": "` + id + `"`} {
		if !strings.Contains(string(jobb), want) {
			t.Errorf("the job file has no %s:\n%s", want, jobb)
		}
	}
	h.kvitterPrint(t, j.ID, print.Levert)
	h.vil(t, id, "AKSEPTERT SENDT_PRINT LEVERT")
}

// A container that cannot be opened is nothing to fetch: the letter may be whole.
func TestSkadetContainer(t *testing.T) {
	t.Parallel()
	for _, bydel := range []string{bydelManuell, bydelSvarInn} {
		for navn, innhold := range map[string][]byte{"ikke ASiC-E": []byte("PK"), "uten PDF": pakket(t, navnJSON, "{}")} {
			t.Run(bydel+"/"+navn, func(t *testing.T) {
				t.Parallel()
				h := nyttHus(t)
				deler := h.deler(t, bydel)
				deler[1].innhold = kryptert(t, plattform(t), innhold)
				ct, body := skjemaKropp(deler...)
				id := les[uuidSvar](t, h.gjor(t, skole, "POST", mottakSti(bydel), ct, body), 201).UUID
				h.kjor(t)
				h.vil(t, id, "AKSEPTERT SENDT_FAGSYSTEM AVVIST_FAGSYSTEM SENDT_PRINT")
			})
		}
	}
}

// Without a supplier nothing is lost: people are told, and it is tried again.
func TestUtenTrykkeri(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	h.endreBydel(t, bydelFiksIO, func(b *Bydel) { b.Adresse.Postnummer = "x" })
	id := h.send(t, bydelFiksIO)
	h.Frem(t, 25*time.Hour)
	h.vil(t, id, "AKSEPTERT SENDT_FAGSYSTEM")
	l, _, err := h.lev.Hent(t.Context(), h.DB.Read(), id)
	must(t, err)
	if !l.Alarm || l.Ferdig() || l.Frist.IsZero() {
		t.Errorf("nobody has it: %+v", l)
	}
	if got := h.epost(t, "kontakt@bergen.test"); len(got) != 1 {
		t.Errorf("told %v", got)
	}
	h.Frem(t, 30*time.Hour) // several rounds
	if n := len(h.iKoen(t)); n > 1 {
		t.Errorf("sent to the fagsystem %d times", n)
	}
	h.endreBydel(t, bydelFiksIO, func(b *Bydel) { b.Adresse.Postnummer = "5014" })
	h.Frem(t, 25*time.Hour)
	h.vil(t, id, "AKSEPTERT SENDT_FAGSYSTEM SENDT_PRINT")
}

// A state and its delivery are one transaction: a fault in between leaves neither.
func TestOvergangErEnTransaksjon(t *testing.T) {
	t.Parallel()
	h := nyttHus(t)
	id := h.send(t, bydelFiksIO)
	err := h.DB.Write(t.Context(), func(tx *store.Tx) error {
		if ok, err := h.lev.Bekreft(t.Context(), tx, levering.KanalFiksIO, h.fiksioID(t, id)); err != nil || !ok {
			t.Fatal(ok, err)
		}
		return errFant
	})
	if err == nil {
		t.Fatal("committed")
	}
	h.vil(t, id, "AKSEPTERT SENDT_FAGSYSTEM")
	if m := h.melding(t, id); !m.Levert.IsZero() {
		t.Error("delivered")
	}
}
