package sandbox

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"time"

	"knutepunkt/internal/app"
	"knutepunkt/internal/auth"
	"knutepunkt/internal/feil"
	"knutepunkt/internal/httpx"
	"knutepunkt/internal/klokke"
	"knutepunkt/internal/levering"
	fakealtinn "knutepunkt/internal/sandbox/altinn"
	"knutepunkt/internal/sandbox/utsteder"
	"knutepunkt/internal/store"
	"knutepunkt/internal/svarut"
	"knutepunkt/internal/svarut/altinn"
	"knutepunkt/internal/svarut/print"
	"knutepunkt/internal/svarut/svarinn"
)

const (
	printMappe = "print"
	// maksJobber is how many print jobs are shown, the newest.
	maksJobber = 10_000
	// altinnRessurs and altinnKonfidensiell are the services that letters are sent with.
	altinnRessurs, altinnKonfidensiell = "knutepunkt-post", "knutepunkt-post-konfidensiell"
	altinnNokkel                       = "sandkasse" // subscription key
	// plattformKlient is the platform's own client at Maskinporten.
	plattformKlient = "knutepunkt"
)

// Which kommuner fetch from SvarInn, and which send by SvarUt.
var (
	medSvarInn = []string{"9901", "9902", "9904"}
	medSvarUt  = []string{"9901", "9902", "9904"}
)

func (k kommune) harSvarInn() bool         { return slices.Contains(medSvarInn, k.Nummer) }
func (k kommune) harSvarUt() bool          { return slices.Contains(medSvarUt, k.Nummer) }
func (k kommune) mottakersystemID() string { return fastID("mottakersystem", k.Nummer) }
func (k kommune) svarutKontoID() string    { return fastID("svarut-konto", k.Nummer) }
func (k kommune) svarinnNokkel() nokkelfil { return nokkelfil("svarinn-" + k.Nummer) }

// nokkelfil names a built-in key, and its files in the data folder.
type nokkelfil string

func (n nokkelfil) key() string  { return "keys/" + string(n) + ".key.pem" }
func (n nokkelfil) cert() string { return "keys/" + string(n) + ".cert.pem" }

const printNokkel = nokkelfil("print")

// skriv lays the key and its certificate in dir.
func (n nokkelfil) skriv(dir string) error {
	par, err := lesNokkelpar(string(n))
	if err != nil {
		return err
	}
	if err := errors.Join(os.WriteFile(filepath.Join(dir, n.key()), par.keyPEM, 0o600),
		os.WriteFile(filepath.Join(dir, n.cert()), par.crt, 0o644)); err != nil {
		return fmt.Errorf("sandbox: writing keys: %w", err)
	}
	return nil
}

// svarutOppsett is how the sandbox's platform sends letters: to an Altinn and a
// print supplier of the sandbox's own. lokal is its HTTP listener's address.
func svarutOppsett(dir, base, lokal string) (app.SvarUt, error) {
	plattform, err := lesNokkelpar("plattform")
	if err != nil {
		return app.SvarUt{}, err
	}
	trykkeri, err := lesNokkelpar(string(printNokkel))
	if err != nil {
		return app.SvarUt{}, err
	}
	if err := os.MkdirAll(filepath.Join(dir, printMappe), 0o700); err != nil {
		return app.SvarUt{}, fmt.Errorf("sandbox: making the print folder: %w", err)
	}
	return app.SvarUt{
		Altinn: altinn.Config{
			PlatformURL: lokal + fakealtinn.Plattform, MaskinportenToken: lokal + "/maskinporten/token", Audience: base + "/maskinporten/",
			ClientID: plattformKlient, Key: plattform.key, Kid: plattformKlient, SubscriptionKey: altinnNokkel,
			ResourceID: altinnRessurs, ResourceIDKonfidensiell: altinnKonfidensiell, MessageSender: "Knutepunkt", BaseURL: base,
			Poll: time.Hour, // it tells of what is read
		},
		Print: &app.Print{
			// No receipts are read from the folder: POST /sandbox/print/{id}/levert gives them.
			Config:    print.Config{Sertifikat: trykkeri.cert, PDFEndelse: ".pdf.cms", Poll: -1, Behold: true},
			Transport: print.Folder(filepath.Join(dir, printMappe)),
		},
	}, nil
}

// plattformensKlient is the platform's own client, with which it logs in to Altinn.
func plattformensKlient() (utsteder.Klient, error) {
	n, err := lesNokkelpar("plattform")
	if err != nil {
		return utsteder.Klient{}, err
	}
	key := utsteder.Nokkel{}
	key.Key, key.KeyID = &n.key.PublicKey, plattformKlient
	return utsteder.Klient{ID: plattformKlient, Orgnr: orgnrLeverandor, Nokler: []utsteder.Nokkel{key}}, nil
}

// nyAltinn makes the sandbox's Altinn, whose letters are sealed with a's keys.
func (s *Sandbox) nyAltinn(a *app.App) (*fakealtinn.Altinn, error) {
	i := slices.IndexFunc(s.utsteder.Utstedere(), func(u auth.Utsteder) bool { return u.Slag == auth.Integrasjon })
	return fakealtinn.New(fakealtinn.Config{
		BaseURL: s.beskrivelse.BaseURL, Klokke: s.klokke, Tokenklokke: klokke.System{}, Maskinporten: s.utsteder.Utstedere()[i],
		Dir: filepath.Join(s.dir, "altinn"), Forsegl: a.Ring.Seal, Apne: a.Ring.Open, SubscriptionKey: altinnNokkel,
		Ressurser: map[string]bool{altinnRessurs: false, altinnKonfidensiell: true},
		Endret: func(ctx context.Context, meldingID string) {
			if err := a.Altinn.SeEtter(ctx, meldingID); err != nil {
				s.log.Error("sandbox: telling of a letter that was read", "err", err)
			}
		},
	})
}

// administrator is who sets up the kommuner.
func administrator() auth.Caller {
	return auth.Caller{Slag: auth.Person, Fnr: personer[len(personer)-1].Fnr, Niva: 4}
}

// froSvarUt seeds a kommune's mottakersystem and sender's account. The password
// comes last and tells that the mottakersystem is done.
func froSvarUt(ctx context.Context, a *app.App, k kommune) error {
	if k.harSvarInn() {
		m, err := a.SvarInn.Mottakersystem(ctx, k.mottakersystemID())
		if feil.Er(err, feil.IkkeFunnet) {
			admin := personer[len(personer)-1]
			m, err = a.SvarInn.Opprett(ctx, auth.From(ctx), svarinn.Ny{ID: k.mottakersystemID(), FiksOrgID: k.orgID(),
				Navn: k.Navn + " mottakersystem", Person: svarinn.Person{Fnr: admin.Fnr, Navn: admin.Navn}})
		}
		if err != nil {
			return err
		}
		if !m.HarPassord {
			if err := k.settOppSvarInn(ctx, a); err != nil {
				return err
			}
		}
	}
	if !k.harSvarUt() {
		return nil
	}
	if _, err := a.SvarUt.Konto(ctx, k.svarutKontoID()); !feil.Er(err, feil.IkkeFunnet) {
		return err
	}
	return a.DB.Write(ctx, func(tx *store.Tx) error {
		_, err := a.SvarUt.OpprettKonto(ctx, tx, svarut.Konto{ID: k.svarutKontoID(), FiksOrgID: k.orgID(), Navn: k.svarutBruker(),
			Adresse:   levering.Adresse{Navn: k.Navn + " kommune", Orgnr: k.Orgnr, Adresselinje1: "Rådhusplassen 1", Postnummer: k.Nummer, Poststed: k.Navn},
			Kontakter: []string{"post@" + k.domene()}})
		if err != nil {
			return err
		}
		return errors.Join(a.SvarUt.SettPassord(ctx, tx, k.svarutKontoID(), passord("svarut-"+k.Nummer)),
			a.Org.GiTilgang(ctx, tx, auth.From(ctx), k.integrasjonID(), auth.SvarUtKonto, k.svarutKontoID()))
	})
}

func (k kommune) svarutBruker() string { return k.Navn + " kommune" }

// settOppSvarInn goes through the tabs of a mottakersystem, as its administrator.
func (k kommune) settOppSvarInn(ctx context.Context, a *app.App) error {
	av, id := administrator(), k.mottakersystemID()
	if err := a.Roller.Gi(ctx, av.Fnr, k.Orgnr, svarinn.PostArkiv); err != nil {
		return err
	}
	par, err := lesNokkelpar(string(k.svarinnNokkel()))
	if err != nil {
		return err
	}
	if _, err := a.SvarInn.GiOrganisasjoner(ctx, av, id, []svarinn.Rad{{Orgnr: k.Orgnr}}); err != nil {
		return err
	}
	if _, err := a.SvarInn.SettSertifikat(ctx, av, id, par.crt); err != nil {
		return err
	}
	if err := a.SvarInn.SettVarsles(ctx, av, id, "post@"+k.domene()+"; teknisk@"+k.domene()); err != nil {
		return err
	}
	return a.SvarInn.SettPassord(ctx, av, id, passord("svarinn-"+k.Nummer))
}

// printjobb is a letter with the print supplier, as GET /sandbox/print shows it.
type printjobb struct {
	ID         string       `json:"id"`
	Time       time.Time    `json:"time"`
	Status     string       `json:"status"`
	Kilde      string       `json:"kilde"` // DIGISOS, SVARUT or BEKYMRINGSMELDING
	Referanse  string       `json:"referanse"`
	Adresse    printadresse `json:"adresse"`
	Job        string       `json:"job"` // files, relative to the data folder
	PDF        string       `json:"pdf"`
	PrivateKey string       `json:"privateKey"`
}

type printadresse struct {
	Navn          string `json:"navn"`
	Adresselinje1 string `json:"adresselinje1"`
	Postnummer    string `json:"postnummer"`
	Poststed      string `json:"poststed"`
}

func (s *Sandbox) hentPrint(w http.ResponseWriter, r *http.Request) error {
	jobber, err := s.App.Print.Jobber(r.Context(), maksJobber)
	if err != nil {
		return err
	}
	ut := []printjobb{}
	for _, j := range jobber {
		switch j.Tilstand {
		case print.Bygges, print.LeggesUt, print.Trekkes, print.Trukket:
			continue // not handed over, or taken back
		case print.Klar, print.Hentet, print.Levert, print.Avvist:
		}
		ut = append(ut, printjobb{ID: j.ID, Time: j.Opprettet, Status: string(j.Tilstand), Kilde: j.Kilde, Referanse: j.ForsendelseID,
			Adresse: printadresse{j.Mottaker.Navn, j.Mottaker.Adresselinje1, j.Mottaker.Postnummer, j.Mottaker.Poststed},
			Job:     printMappe + "/" + j.Jobbfil, PDF: printMappe + "/" + j.PDF, PrivateKey: printNokkel.key()})
	}
	return httpx.JSON(w, http.StatusOK, ut)
}

// kvitterPrint answers for the print supplier.
func (s *Sandbox) kvitterPrint(t print.Tilstand) httpx.Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		kv := print.Kvittering{JobbID: r.PathValue("id"), Status: t, Tidspunkt: s.klokke.Now()}
		if t == print.Avvist {
			kode, melding := "SANDKASSE", "Avvist fra sandkassen"
			kv.Feilkode, kv.Feilmelding = &kode, &melding
		}
		if err := s.App.Print.Kvitter(r.Context(), kv); err != nil {
			return err
		}
		w.WriteHeader(http.StatusNoContent)
		return nil
	}
}
