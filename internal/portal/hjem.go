package portal

import "net/http"

// hjem is the start page.
func (p *Portal) hjem(w http.ResponseWriter, r *http.Request) error {
	return p.Vis(w, r, http.StatusOK, "hjem", Side{Tittel: p.Tolk(r)("hjem.tittel"), Data: p.kort})
}

// om tells what the pages keep, and whom to turn to.
func (p *Portal) om(w http.ResponseWriter, r *http.Request) error {
	return p.Vis(w, r, http.StatusOK, "om", Side{Tittel: p.Tolk(r)("om.tittel"), Data: p.cfg})
}

func (p *Portal) loggetUt(w http.ResponseWriter, r *http.Request) error {
	return p.Vis(w, r, http.StatusOK, "loggetut", Side{Tittel: p.Tolk(r)("loggetut.tittel")})
}
