package mottak_test

import (
	"testing"
	"time"

	"knutepunkt/internal/portal/portaltest"
)

// press gives a form's button a press, by the form's field, once its fields are empty.
func press(velger string) func(*portaltest.Vindu) {
	return func(f *portaltest.Vindu) {
		portaltest.JS[any](f, `document.documentElement.dataset.forrige = "1"; document.querySelector("`+velger+`").closest("form").querySelector("button[type=submit]").click()`)
		f.VenterPaa(`document.documentElement.dataset.forrige === undefined && document.querySelector(".ds-error-summary") !== null`)
	}
}

// Every page in every state can be used by everybody.
func TestNettleserAlleSider(t *testing.T) {
	t.Parallel()
	h, k := mobler(t, portaltest.HusMedNett(t))
	tom := portaltest.Alene // of Nord, where nothing is
	h.Mottaker(t, portaltest.BydelV1, ola)
	n := h.Som(t, kari)
	venter, lastet := h.Bekymring(t, portaltest.BydelV2, hemmelig), h.Bekymring(t, portaltest.BydelV2, hemmelig)
	n.Get(t, "/mottak/meldinger/"+lastet+"/pdf").Er(t, 200)
	bekreftet, brevet := h.Bekymring(t, portaltest.BydelV2, hemmelig), h.Bekymring(t, portaltest.BydelV2, hemmelig)
	n.Post(t, "/mottak/meldinger/"+bekreftet+"/bekreft", "lagret", "ja").Er(t, 303)
	n.Post(t, "/mottak/meldinger/"+brevet+"/brev").Er(t, 303)
	avvik, paaVei := hull(t, h, k), hull(t, h, k)
	e := sentrum(t, h)
	n.Post(t, e+"/avvik/"+paaVei+"/lever").Er(t, 303)
	portaltest.Must(t, h.Jobs.RunDue(t.Context()))
	kvittering := n.Post(t, e, "maate", "liste", "nokkel", "x", "liste", "x 00000000-0000-4000-8000-00000000ffff").Er(t, 303).Header.Get("Location")
	h.Frem(t, 2*time.Hour)
	m := "/mottak/meldinger/"
	portaltest.Proev(t, h, []portaltest.Tilstand{
		portaltest.Som("mottak", kari, "/mottak", 200, nil),
		portaltest.Som("mottak-tom", tom, "/mottak", 200, nil),
		portaltest.Som("mottak-ingen", leder, "/mottak", 200, nil),
		portaltest.Som("mottak-melding", kari, m+venter, 200, nil),
		portaltest.Som("mottak-melding-lastet", kari, m+lastet, 200, nil),
		portaltest.Som("mottak-melding-ferdig", kari, m+bekreftet, 200, nil),
		portaltest.Som("mottak-bekreft", kari, m+lastet+"/bekreft", 200, nil),
		portaltest.Som("mottak-bekreft-feil", kari, m+venter+"/bekreft", 200, press("#lagret")),
		portaltest.Som("mottak-bekreftet", kari, m+bekreftet+"/bekreftet", 200, nil),
		portaltest.Som("mottak-bekreft-brev", kari, m+brevet+"/bekreft", 200, nil),
		portaltest.Som("mottak-brev", kari, m+venter+"/brev", 200, nil),
		portaltest.Som("mottak-brevet", kari, m+brevet+"/brevet", 200, nil),
		portaltest.Som("mottak-hentet", kari, "/mottak/hentet", 200, nil),
		portaltest.Som("mottak-hentet-ingen", tom, "/mottak/hentet", 200, nil),
		portaltest.Som("mottak-avstemming", ola, "/mottak/avstemming", 200, nil),
		portaltest.Som("mottak-avstemming-ingen", leder, "/mottak/avstemming", 200, nil),
		portaltest.Som("mottak-enhet", kari, e, 200, nil),
		portaltest.Som("mottak-enhet-ingen", tom, "/mottak/avstemming/"+h.Bydel(t, portaltest.BydelV1).RessursID, 200, nil),
		portaltest.Som("mottak-enhet-feil-valgte", kari, e, 200, press("#avvik-0")),
		portaltest.Som("mottak-enhet-feil-liste", kari, e, 200, press("#liste")),
		portaltest.Som("mottak-enhet-feil-fil", kari, e, 200, press("#fil")),
		portaltest.Som("mottak-avstemt", kari, kvittering, 200, nil),
		portaltest.Som("mottak-lever", kari, e+"/avvik/"+avvik+"/lever", 200, nil),
		portaltest.Som("mottak-paavei", kari, e+"/avvik/"+paaVei+"/paa-vei", 200, nil),
		portaltest.Som("mottak-404", kari, m+"finnes/ikke", 404, nil),
	})
}

// The whole way, by the keyboard alone with scripts, and with a pointer without them.
func TestNettleserReisene(t *testing.T) {
	t.Parallel()
	ctx := portaltest.Chromium(t)
	h, k := mobler(t, portaltest.HusMedNett(t))
	for navn, tastatur := range map[string]bool{"med tastatur": true, "uten skript": false} {
		t.Run(navn, func(t *testing.T) {
			melding, avvik := h.Bekymring(t, portaltest.BydelV2, hemmelig), hull(t, h, k)
			r := portaltest.NyReisende(ctx, t, h.Base, tastatur)
			r.Gaa("/")
			r.Trykk("Logg inn: Motta meldinger")
			r.LoggInn(kari)
			if r.Les("h1") != "Mottak" { // the first login was at a lower level
				r.Trykk("Logg inn")
				r.LoggInn(kari)
			}
			r.Ser(melding, "Ny", "Sendes som brev")
			r.Trykk("Åpne")
			r.Ser("Slik gjør du", "Last ned meldingen (PDF)")
			r.Trykk("Bekreft mottak")
			r.Trykk("Bekreft at den er mottatt") // with nothing ticked
			if tastatur {
				r.VenterPaa(`document.activeElement.matches(".ds-error-summary")`)
			}
			r.Ser("Kryss av for at meldingen ligger i fagsystemet.")
			r.Velg("Meldingen ligger i fagsystemet")
			r.Trykk("Bekreft at den er mottatt")
			r.Ser("Meldingen er bekreftet mottatt")
			r.Trykk("Tilbake til det som venter")
			r.Ser("Ingenting venter på deg")
			r.Trykk("Avstemming")
			r.Ser("Et avvik lukkes aldri av seg selv", avvik)
			r.Trykk("Lever på nytt")
			r.Trykk("Lever den på nytt")
			r.Ser("Den er på vei på nytt")
			r.Trykk("Tilbake til avstemmingen")
			r.Ser("Leveres på nytt nå")
			r.Velg(avvik)
			r.Trykk("Meld valgte som registrert")
			r.Ser("Avstemmingen er tatt imot")
			r.Trykk("Tilbake til avstemmingen")
			r.Ser("Alt som er levert, er meldt registrert")
			r.Lim("liste", avvik)
			r.Trykk("Meld listen som registrert")
			r.Ser("Meldt før")
			r.Rolig()
		})
	}
}
