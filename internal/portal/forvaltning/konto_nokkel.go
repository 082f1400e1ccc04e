package forvaltning

import (
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	"knutepunkt/internal/feil"
	"knutepunkt/internal/fiksio"
	"knutepunkt/internal/httpx"
	"knutepunkt/internal/portal"
	"knutepunkt/internal/store"
)

// maksSertifikat bounds a certificate that is given, bytes.
const maksSertifikat = 64 << 10

// nokkelfeilen are the texts of why a certificate is refused.
var nokkelfeilen = map[fiksio.Nokkelfeil]string{
	fiksio.NokkelMangler:    "kontoer.nokkelfeil.mangler",
	fiksio.NokkelPrivat:     "kontoer.nokkelfeil.privat",
	fiksio.NokkelLager:      "kontoer.nokkelfeil.lager",
	fiksio.NokkelBare:       "kontoer.nokkelfeil.bare",
	fiksio.NokkelBestilling: "kontoer.nokkelfeil.bestilling",
	fiksio.NokkelUkjent:     "kontoer.nokkelfeil.ukjent",
	fiksio.NokkelRester:     "kontoer.nokkelfeil.rester",
	fiksio.NokkelFlere:      "kontoer.nokkelfeil.flere",
	fiksio.NokkelUleselig:   "kontoer.nokkelfeil.uleselig",
	fiksio.NokkelIkkeRSA:    "kontoer.nokkelfeil.ikkersa",
	fiksio.NokkelKort:       "kontoer.nokkelfeil.kort",
	fiksio.NokkelUtlopt:     "kontoer.nokkelfeil.utlopt",
	fiksio.NokkelIkkeGyldig: "kontoer.nokkelfeil.ikkegyldig",
}

// nokkelvisning is a certificate as people compare it.
type nokkelvisning struct {
	Navn, Utsteder, Serienummer, Avtrykk string
	Fra, Til                             time.Time
	Biter                                int
	Igjen                                portal.Celle // how long it is valid yet
}

func (p *Forvaltning) visNokkel(t portal.Tolk, c *x509.Certificate) *nokkelvisning {
	if c == nil {
		return nil
	}
	v := &nokkelvisning{Navn: c.Subject.String(), Utsteder: c.Issuer.String(), Serienummer: c.SerialNumber.String(),
		Avtrykk: avtrykk(c.Raw), Fra: c.NotBefore, Til: c.NotAfter}
	if pub, ok := c.PublicKey.(*rsa.PublicKey); ok {
		v.Biter = pub.N.BitLen()
	}
	switch igjen := c.NotAfter.Sub(p.Klokke.Now()); {
	case igjen <= 0:
		v.Igjen = portal.Celle{Tekst: t("kontoer.nokkel.utlopt"), Farge: "danger"}
	case igjen < kontovarseltid:
		v.Igjen = portal.Celle{Tekst: t("kontoer.nokkel.igjen", "tid", dagerIgjen(t, igjen)), Farge: "warning"}
	default:
		v.Igjen = portal.Celle{Tekst: t("kontoer.nokkel.igjen", "tid", dagerIgjen(t, igjen)), Farge: "success"}
	}
	return v
}

// nokkelskjema is what the form of a new key brings.
type nokkelskjema struct {
	fil, tekst []byte
	feilI      string // the field that is wrong, and how
	feil       string
}

func (p *Forvaltning) visKontonokkel(w http.ResponseWriter, r *http.Request, s kontoside) error {
	felt, err := p.Gjenopprettet(r)
	if err != nil {
		return err
	}
	if felt != nil { // the one that was looked over when the login ran out
		if c, err := p.fraSkjult(felt.Get("sertifikat")); err == nil {
			return p.visNyNokkel(w, r, s, http.StatusOK, c, felt.Get("versjon"), []portal.Melding{gjenopprettet(s.t)})
		}
	}
	return p.visNokkelskjema(w, r, s, http.StatusOK, nokkelskjema{}, kontokvittering(r, s.t))
}

func (p *Forvaltning) visNokkelskjema(w http.ResponseWriter, r *http.Request, s kontoside, status int, n nokkelskjema, m []portal.Melding) error {
	var feilene []portal.Lenke
	if n.feil != "" {
		feilene = []portal.Lenke{{Tekst: n.feil, URL: "#" + n.feilI}}
	}
	return p.visKontoside(w, r, s, status, "kontonokkel", "nokkel", "", feilene, m, map[string]any{
		"Naa": p.visNokkel(s.t, s.stand.Sertifikat), "Tekst": string(n.tekst), "FeilI": n.feilI, "Feilen": n.feil})
}

// fraSkjult reads the certificate that a page has shown for a second look.
func (p *Forvaltning) fraSkjult(s string) (*x509.Certificate, error) {
	der, err := base64.StdEncoding.DecodeString(s)
	if err != nil {
		der = nil // nothing was given
	}
	return p.FiksIO.LesSertifikat(der)
}

// visNyNokkel shows a certificate that holds, beside the one in use, and what
// happens when it takes over. Nothing is stored yet.
func (p *Forvaltning) visNyNokkel(w http.ResponseWriter, r *http.Request, s kontoside, status int, c *x509.Certificate, versjon string, m []portal.Melding) error {
	naa := s.stand.Sertifikat
	return p.visKontoside(w, r, s, status, "nynokkel", "nokkel", s.t("kontoer.nokkel.seover"), nil, m, map[string]any{
		"Ny": p.visNokkel(s.t, c), "Naa": p.visNokkel(s.t, naa), "Samme": naa != nil && naa.Equal(c),
		"Skjult": base64.StdEncoding.EncodeToString(c.Raw), "Versjon": versjon})
}

// nokkelversjon is the key that a form was shown beside.
func nokkelversjon(der []byte) string {
	if der == nil {
		return "ingen"
	}
	return avtrykk(der)
}

// lagreKontonokkel takes a certificate in two steps: what is given, as a file or
// as text, is shown; what has been looked over is stored. The first step is
// multipart, which a login that has run out does not keep: it might be a private
// key, and such a one is stored nowhere.
func (p *Forvaltning) lagreKontonokkel(w http.ResponseWriter, r *http.Request, s kontoside) error {
	if err := p.GlemSkjema(r); err != nil {
		return err
	}
	if !strings.HasPrefix(r.Header.Get("Content-Type"), "multipart/") {
		return p.byttKontonokkel(w, r, s)
	}
	n, err := lesNokkelskjema(r)
	if feil.Er(err, feil.ForStor) {
		n = nokkelskjema{feilI: "fil", feil: s.t("kontoer.nokkelfeil.stor")}
		return p.visNokkelskjema(w, r, s, http.StatusRequestEntityTooLarge, n, nil)
	} else if err != nil {
		return err
	}
	innhold := n.fil
	n.feilI = "fil"
	if blankt := len(strings.TrimSpace(string(n.tekst))) == 0; !blankt {
		if len(n.fil) > 0 {
			n.tekst, n.feil = nil, s.t("kontoer.nokkelfeil.begge")
			return p.visNokkelskjema(w, r, s, http.StatusUnprocessableEntity, n, nil)
		}
		innhold, n.feilI = n.tekst, "tekst"
	}
	c, err := p.FiksIO.LesSertifikat(innhold)
	if grunn, avvist := errors.AsType[fiksio.Nokkelfeil](err); avvist {
		return p.avvisNokkel(w, r, s, n, grunn)
	} else if err != nil {
		return err
	}
	return p.visNyNokkel(w, r, s, http.StatusOK, c, nokkelversjon(s.k.Sertifikat), nil)
}

// avvisNokkel shows the form anew with why. A private key is not shown again.
func (p *Forvaltning) avvisNokkel(w http.ResponseWriter, r *http.Request, s kontoside, n nokkelskjema, grunn fiksio.Nokkelfeil) error {
	if n.feil = s.t(nokkelfeilen[grunn]); grunn == fiksio.NokkelPrivat || grunn == fiksio.NokkelLager {
		n.tekst = nil
	}
	return p.visNokkelskjema(w, r, s, http.StatusUnprocessableEntity, n, nil)
}

// byttKontonokkel stores what has been looked over, unless the key has been
// changed since.
func (p *Forvaltning) byttKontonokkel(w http.ResponseWriter, r *http.Request, s kontoside) error {
	c, err := p.fraSkjult(r.PostForm.Get("sertifikat"))
	if grunn, avvist := errors.AsType[fiksio.Nokkelfeil](err); avvist {
		return p.avvisNokkel(w, r, s, nokkelskjema{feilI: "fil"}, grunn)
	} else if err != nil {
		return err
	}
	_, err = p.FiksIO.EndreKonto(r.Context(), s.k.ID, s.av, func(_ *store.Tx, k *fiksio.Konto) error {
		if v := nokkelversjon(k.Sertifikat); v != r.PostForm.Get("versjon") && v != avtrykk(c.Raw) { // sent twice, it is no conflict
			return errKontoEndret
		}
		k.Sertifikat = c.Raw
		return nil
	})
	if errors.Is(err, errKontoEndret) {
		if s, err = p.lesKonto(r); err != nil {
			return err
		}
		return p.visNyNokkel(w, r, s, http.StatusConflict, c, nokkelversjon(s.k.Sertifikat),
			[]portal.Melding{{Farge: "warning", Tittel: s.t("konflikt.tittel"), Tekst: s.t("kontoer.nokkel.konflikt"), Status: true}})
	} else if err != nil {
		return err
	}
	return portal.Videre(w, r, s.her+"/nokkel?gjort=nokkel")
}

// lesNokkelskjema reads the form; feil.ForStor for what is too large to be a
// certificate.
func lesNokkelskjema(r *http.Request) (n nokkelskjema, err error) {
	d, err := httpx.LesDeler(r, 0) // the route bounds it
	if err != nil {
		return n, err
	}
	for {
		del, err := d.Neste()
		if err == io.EOF {
			return n, nil
		} else if err != nil {
			return n, err
		}
		b, err := io.ReadAll(io.LimitReader(del.Innhold, maksSertifikat+1))
		if err != nil {
			return n, d.Feil(err)
		}
		if len(b) > maksSertifikat {
			return n, feil.Ny(feil.ForStor, "Filen er for stor til å være et sertifikat")
		}
		switch del.Navn {
		case "fil":
			n.fil = b
		case "tekst":
			n.tekst = b
		}
	}
}
