package sandbox

import (
	"context"
	_ "embed"
	"fmt"
	"html/template"
	"net/http"
	"strings"
	"time"

	"github.com/google/uuid"

	"knutepunkt/internal/digisos"
	"knutepunkt/internal/feil"
	"knutepunkt/internal/httpx"
	"knutepunkt/internal/klokke"
	"knutepunkt/internal/levering"
	"knutepunkt/internal/svarut"
)

// sporet is the trace of one case: ids, states and times, nothing personal.
type sporet struct {
	DigisosID  string         `json:"digisosId"` // or the id of the forsendelse that was asked for
	Historikk  []hendelse     `json:"historikk"`
	Leveringer []sporlevering `json:"leveringer"`
}

type hendelse struct {
	Tid         time.Time `json:"tid"`
	Hendelse    string    `json:"hendelse"`
	Forsendelse string    `json:"forsendelse"`
}

type sporlevering struct {
	ID        string     `json:"id"`
	Kilde     string     `json:"kilde"`
	Tilstand  string     `json:"tilstand"`
	Kanal     string     `json:"kanal"`
	Alarm     bool       `json:"alarm"`
	NesteSteg string     `json:"nesteSteg"`
	Frist     *time.Time `json:"frist,omitempty"`
	Historikk []overgang `json:"historikk"`
	// Status and Hendelser are of the forsendelse in SvarUt, where the levering is of one.
	Status    string  `json:"status,omitempty"`
	Hendelser []linje `json:"hendelser,omitempty"`
}

// linje is a line of a forsendelse's history, as its sender sees it.
type linje struct {
	Tid   time.Time `json:"tid"`
	Tekst string    `json:"tekst"`
}

type overgang struct {
	Tid      time.Time `json:"tid"`
	Tilstand string    `json:"tilstand"`
	Kanal    string    `json:"kanal"`
	Grunn    string    `json:"grunn"`
}

// iOrd says the states in words, for the page.
var iOrd = map[string]string{
	digisos.AkseptertFiks:                   "Søknaden er tatt imot og lagret",
	digisos.AkseptertFiksEttersendelse:      "Ettersendelsen er tatt imot og lagret",
	digisos.SendtFiksIO:                     "Søknaden er sendt til fagsystemet over Fiks IO",
	digisos.SendtSvarUt:                     "Søknaden er overlatt til SvarUt",
	digisos.SendtFiksIOEttersendelse:        "Ettersendelsen er sendt til fagsystemet over Fiks IO",
	digisos.SendtSvarUtEttersendelse:        "Ettersendelsen er overlatt til SvarUt",
	digisos.FeiletSvarUt:                    "SvarUt tok den ikke",
	digisos.AvvistFagsystem:                 "Fagsystemet avviste den",
	digisos.AkseptertFiksKlage:              "Klagen er tatt imot og lagret",
	digisos.SendtSvarUtKlage:                "Klagen er overlatt til SvarUt",
	digisos.AkseptertFiksKlageEttersendelse: "Ettersendelsen til klagen er tatt imot og lagret",
	digisos.SendtSvarUtKlageEttersendelse:   "Ettersendelsen til klagen er overlatt til SvarUt",
	digisos.AkseptertFiksTrekkKlage:         "Trekket av klagen er tatt imot og lagret",
	digisos.SendtSvarUtTrekkKlage:           "Trekket av klagen er overlatt til SvarUt",
	digisos.OpprettetSakKommune:             "Kommunen har opprettet saken",
	digisos.OppdatertSakKommune:             "Kommunen har oppdatert saken",
	digisos.LastetOppFilerKommune:           "Kommunen har lastet opp filer",
	string(levering.IkkeSendt):              "Ikke sendt ennå",
	string(levering.Sendt):                  "Sendt, venter på kvittering",
	string(levering.Bekreftet):              "Bekreftet av mottakeren",
	string(levering.TTLTidsavbrudd):         "Fristen gikk ut",
	string(levering.MaxRetriesavbrudd):      "Oppgitt etter gjentatte forsøk",
	string(levering.SvarUtFeil):             "SvarUt feilet",
	string(levering.Stoppet):                "Avsluttet av en navngitt person",
	string(levering.IkkeLevert):             "Ikke levert; den siste kanalen var uten garanti",
}

//go:embed spor.html
var sporHTML string

var sporSide = template.Must(template.New("spor").Funcs(template.FuncMap{
	"ord": func(s string) string {
		if o := iOrd[s]; o != "" {
			return o
		}
		return s
	},
	"kl":  func(t time.Time) string { return klokke.Oslo(t).Format("02.01.2006 15:04:05.000") },
	"iso": func(t time.Time) string { return t.Format(time.RFC3339Nano) },
}).Parse(sporHTML))

// spor shows what happened to a case, or to a forsendelse in SvarUt, as a page or
// as JSON.
func (s *Sandbox) spor(w http.ResponseWriter, r *http.Request) error {
	id, err := uuid.Parse(r.PathValue("digisosId"))
	if err != nil {
		return feil.Ny(feil.IkkeFunnet, "Fant ingen sak med denne id-en")
	}
	ut, err := s.hentSpor(r.Context(), id.String())
	if err != nil {
		return err
	}
	if accept := r.Header.Get("Accept"); strings.Contains(accept, "application/json") && !strings.Contains(accept, "text/html") {
		return httpx.JSON(w, http.StatusOK, ut)
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	return sporSide.Execute(w, ut)
}

func (s *Sandbox) hentSpor(ctx context.Context, id string) (sporet, error) {
	ut := sporet{DigisosID: id, Historikk: []hendelse{}, Leveringer: []sporlevering{}}
	historie, err := s.App.Digisos.Historikk(ctx, id)
	if feil.Er(err, feil.IkkeFunnet) { // it may be of a letter that a sender gave SvarUt
		p, _, feilet := s.sporLevering(ctx, svarut.Kilde, id)
		if feil.Er(feilet, feil.IkkeFunnet) {
			return ut, err
		}
		ut.Leveringer = append(ut.Leveringer, p)
		return ut, feilet
	}
	if err != nil {
		return ut, err
	}
	type kilde struct{ navn, id string }
	kilder := []kilde{{digisos.KildeSoknad, id}, {digisos.KildeProve, id}}
	for _, h := range historie {
		ut.Historikk = append(ut.Historikk, hendelse{h.Hendelsestidspunkt, h.State, h.ForsendelseID})
		if h.ForsendelseID == "" {
			continue
		}
		for _, navn := range []string{digisos.KildeEttersendelse, digisos.KildeKlage, digisos.KildeKlageEttersendelse, digisos.KildeKlageTrekk} {
			kilder = append(kilder, kilde{navn, h.ForsendelseID})
		}
	}
	sett := map[kilde]bool{}
	for len(kilder) > 0 {
		k := kilder[0]
		kilder = kilder[1:]
		if sett[k] {
			continue
		}
		sett[k] = true
		p, leveranseID, err := s.sporLevering(ctx, k.navn, k.id)
		if feil.Er(err, feil.IkkeFunnet) {
			continue // a case of the municipality's own has no delivery
		}
		if err != nil {
			return ut, fmt.Errorf("reading the delivery: %w", err)
		}
		ut.Leveringer = append(ut.Leveringer, p)
		if p.Kanal == levering.KanalSvarUt { // its forsendelse is told right after it
			kilder = append([]kilde{{svarut.Kilde, leveranseID}}, kilder...)
		}
	}
	return ut, nil
}

// sporLevering is the trace of one levering, and the channel's id of it.
func (s *Sandbox) sporLevering(ctx context.Context, navn, id string) (p sporlevering, leveranseID string, err error) {
	l, err := s.App.Levering.ForKilde(ctx, s.App.DB.Read(), navn, id)
	if err != nil {
		return p, "", err
	}
	l, overganger, err := s.App.Levering.Hent(ctx, s.App.DB.Read(), l.ID)
	if err != nil {
		return p, "", err
	}
	p = sporlevering{ID: l.ID, Kilde: l.Kilde, Tilstand: string(l.Tilstand), Kanal: l.Kanal, Alarm: l.Alarm,
		NesteSteg: l.NesteSteg, Historikk: []overgang{}}
	if !l.Frist.IsZero() {
		p.Frist = &l.Frist
	}
	for _, o := range overganger {
		p.Historikk = append(p.Historikk, overgang{o.Tidspunkt, string(o.Tilstand), o.Kanal, o.Grunn})
	}
	if navn != svarut.Kilde {
		return p, l.LeveranseID, nil
	}
	f, err := s.App.SvarUt.Hent(ctx, id)
	if err != nil {
		return p, "", err
	}
	hendelser, err := s.App.SvarUt.Hendelser(ctx, id)
	if err != nil {
		return p, "", err
	}
	p.Status = string(f.Status)
	for _, h := range hendelser {
		p.Hendelser = append(p.Hendelser, linje{h.Tidspunkt, h.Tekst})
	}
	return p, l.LeveranseID, nil
}
