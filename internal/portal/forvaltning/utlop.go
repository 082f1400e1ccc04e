package forvaltning

import (
	"net/http"

	"knutepunkt/internal/portal"
	"knutepunkt/internal/utlop"
)

// visesFor is how many days ahead the pages tell of what ends.
const visesFor = 60

// utlopTabell lists what of an organisation nears its end or has ended, with the
// way to where it is renewed; nil when nothing does.
func (p *Forvaltning) utlopTabell(r *http.Request, t portal.Tolk, orgID string) (*portal.Tabell, error) {
	alle, err := p.Utlop.Utlop(r.Context(), orgID)
	if err != nil {
		return nil, err
	}
	tab := portal.Tabell{Merke: t("utlop.tabell"), Kolonner: []string{t("utlop.hva"), t("utlop.slag"), t("utlop.naar"), t("utlop.status")}}
	for _, u := range alle {
		if u.Dager > visesFor {
			continue
		}
		base, slag, hva := "/forvaltning/"+orgID, "", portal.Celle{Tekst: u.Navn}
		switch u.Slag {
		case utlop.FiksIOSertifikat:
			slag, hva.URL = t("utlop.fiksio"), base+"/kontoer/"+u.ID+"/nokkel"
		case utlop.SvarInnSertifikat:
			slag, hva.URL = t("utlop.svarinn"), base+"/svarinn/"+u.ID+"/service"
		case utlop.Passord:
			slag, hva.URL = t("utlop.passord"), base+"/integrasjoner/"+u.ID
		case utlop.Plattformnokkel, utlop.Altinn, utlop.Annet:
			slag = t("utlop.plattform")
		}
		status := portal.Celle{Tekst: t("utlop.dager", "n", u.Dager), Farge: "warning"}
		if u.Utlopt {
			status = portal.Celle{Tekst: t("utlop.utlopt"), Farge: "danger"}
		}
		tab.Rader = append(tab.Rader, []portal.Celle{hva, {Tekst: slag}, {Tekst: portal.Dato(p.Spraak(r), u.Utloper)}, status})
	}
	if len(tab.Rader) == 0 {
		return nil, nil
	}
	return &tab, nil
}
