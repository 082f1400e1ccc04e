package fiksio

import (
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"knutepunkt/internal/auth"
	"knutepunkt/internal/feil"
	"knutepunkt/internal/httpx"
	"knutepunkt/internal/store"
)

type visbarKonto struct {
	FiksOrgID            string    `json:"fiksOrgId"`
	FiksOrgNavn          string    `json:"fiksOrgNavn"`
	KontoID              string    `json:"kontoId"`
	KontoNavn            string    `json:"kontoNavn"`
	Opprettet            time.Time `json:"opprettet"`
	OpprettetAvFnr       *string   `json:"opprettetAvFnr"`
	SistEndret           time.Time `json:"sistEndret"`
	SistEndretAv         *string   `json:"sistEndretAv"`
	DokumentlagerKontoID string    `json:"dokumentlagerKontoId"`
	Aktiv                bool      `json:"aktiv"`
	Status               struct {
		GyldigAvsender bool    `json:"gyldigAvsender"`
		GyldigMottaker bool    `json:"gyldigMottaker"`
		Melding        *string `json:"melding"`
	} `json:"status"`
	OffentligNokkel *OffentligNokkel `json:"offentligNokkel"`
}

// visAktor shows who made a change: a person's number to persons only.
func visAktor(r *http.Request, aktor string, bareFnr bool) *string {
	person := !erUUID(aktor)
	if aktor == "" || person && auth.From(r.Context()).Slag != auth.Person || !person && bareFnr {
		return nil
	}
	return &aktor
}

func (h HTTP) lagKonto(r *http.Request, k Konto) (visbarKonto, error) {
	ut := visbarKonto{FiksOrgID: k.FiksOrgID, FiksOrgNavn: h.s.orgNavn(r.Context(), k.FiksOrgID), KontoID: k.ID, KontoNavn: k.Navn,
		Opprettet: k.Opprettet, OpprettetAvFnr: visAktor(r, k.OpprettetAv, true),
		SistEndret: k.SistEndret, SistEndretAv: visAktor(r, k.SistEndretAv, false),
		DokumentlagerKontoID: k.DokumentlagerKontoID, Aktiv: k.Aktiv}
	ut.Status.GyldigAvsender = k.Aktiv
	grunn := h.s.ikkeMottaker(k)
	ut.Status.GyldigMottaker, ut.Status.Melding = grunn == "", ellerNull(grunn)
	if k.Sertifikat != nil {
		n, err := visNokkel(k.Sertifikat, h.s.Klokke.Now())
		if err != nil {
			return ut, err
		}
		ut.OffentligNokkel = &n
	}
	return ut, nil
}

func (h HTTP) svarKonto(w http.ResponseWriter, r *http.Request, status int, k Konto) error {
	ut, err := h.lagKonto(r, k)
	if err != nil {
		return err
	}
	return httpx.JSON(w, status, ut)
}

func (h HTTP) opprettKonto(w http.ResponseWriter, r *http.Request) error {
	inn, err := lesJSON[struct {
		Konto *struct {
			FiksOrgID string `json:"fiksOrgId"`
			Navn      string `json:"navn"`
		} `json:"konto"`
		OffentligNokkel *string `json:"offentligNokkel"`
		SkalAktiveres   *bool   `json:"skalAktiveres"`
		ForelderRessurs *string `json:"forelderresurs"` // sic
	}](r)
	if err != nil {
		return err
	}
	if inn.Konto == nil || !erUUID(inn.Konto.FiksOrgID) {
		return feil.Ny(feil.Ugyldig, "konto med fiksOrgId (UUID) og navn må være satt")
	}
	k := Konto{FiksOrgID: strings.ToLower(inn.Konto.FiksOrgID), Navn: inn.Konto.Navn, OpprettetAv: aktor(r),
		Aktiv: inn.SkalAktiveres != nil && *inn.SkalAktiveres}
	if err := h.krev(r, auth.Admin, k.FiksOrgID); err != nil {
		return err
	}
	if inn.ForelderRessurs != nil {
		k.Forelder = strings.ToLower(*inn.ForelderRessurs)
		if err := h.krev(r, auth.Admin, k.Forelder); err != nil {
			return err
		}
	}
	if inn.OffentligNokkel != nil && *inn.OffentligNokkel != "" {
		if k.Sertifikat, err = lesPEM([]byte(*inn.OffentligNokkel)); err != nil {
			return err
		}
	}
	err = h.s.DB.Write(r.Context(), func(tx *store.Tx) error {
		k, err = h.s.OpprettKonto(r.Context(), tx, k)
		return err
	})
	if err != nil {
		return err
	}
	w.Header()["kontoId"] = []string{k.ID} // spelled as the contract has it
	return h.svarKonto(w, r, http.StatusCreated, k)
}

func (h HTTP) visKonto(w http.ResponseWriter, r *http.Request) error {
	k, err := h.s.Konto(r.Context(), sti(r, "kontoId"))
	if err != nil {
		return err
	}
	return h.svarKonto(w, r, http.StatusOK, k)
}

func (h HTTP) kontosok(w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	org := strings.ToLower(q.Get("fiksOrgId"))
	if !erUUID(org) {
		return feil.Ny(feil.Ugyldig, "fiksOrgId må være en UUID")
	}
	var aktiv *bool
	if v := q.Get("aktiv"); v != "" {
		b, err := strconv.ParseBool(v)
		if err != nil {
			return feil.Ny(feil.Ugyldig, "aktiv må være true eller false")
		}
		aktiv = &b
	}
	ks, err := h.s.Kontoer(r.Context(), org)
	if err != nil {
		return err
	}
	ut := []visbarKonto{}
	for _, k := range ks {
		if aktiv != nil && k.Aktiv != *aktiv {
			continue
		}
		har, err := h.s.Tilgang.Har(r.Context(), aktor(r), auth.FiksIOKonto, k.ID)
		if err != nil {
			return err
		}
		if !har {
			continue
		}
		v, err := h.lagKonto(r, k)
		if err != nil {
			return err
		}
		ut = append(ut, v)
	}
	return httpx.JSON(w, http.StatusOK, ut)
}

func (h HTTP) settNavn(w http.ResponseWriter, r *http.Request) error {
	inn, err := lesJSON[struct {
		KontoNavn string `json:"kontoNavn"`
		Navn      string `json:"navn"` // PUT …/kontoer/{kontoId} of the older variant
	}](r)
	if err != nil {
		return err
	}
	if inn.KontoNavn == "" {
		inn.KontoNavn = inn.Navn
	}
	if err := h.s.SettNavn(r.Context(), sti(r, "kontoId"), inn.KontoNavn, aktor(r)); err != nil {
		return err
	}
	return tomt(w)
}

func (h HTTP) slettKonto(w http.ResponseWriter, r *http.Request) error {
	if err := h.s.SlettKonto(r.Context(), sti(r, "kontoId"), aktor(r)); err != nil {
		return err
	}
	return tomt(w)
}

func (h HTTP) settAktiv(aktiv bool) httpx.Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		k, err := h.s.SettAktiv(r.Context(), sti(r, "kontoId"), aktiv, aktor(r))
		if err != nil {
			return err
		}
		return h.svarKonto(w, r, http.StatusOK, k)
	}
}

// settNokkel takes {"pem": …}, and the older variant: multipart with a part "file".
func (h HTTP) settNokkel(w http.ResponseWriter, r *http.Request) error {
	var tekst []byte
	if strings.HasPrefix(strings.ToLower(r.Header.Get("Content-Type")), "multipart/") {
		felt, err := lesSkjema(r, "file")
		if err != nil {
			return err
		}
		tekst = felt["file"]
	} else {
		inn, err := lesJSON[struct {
			Pem string `json:"pem"`
		}](r)
		if err != nil {
			return err
		}
		tekst = []byte(inn.Pem)
	}
	k, err := h.s.SettSertifikat(r.Context(), sti(r, "kontoId"), tekst, aktor(r))
	if err != nil {
		return err
	}
	n, err := visNokkel(k.Sertifikat, h.s.Klokke.Now())
	if err != nil {
		return err
	}
	return httpx.JSON(w, http.StatusCreated, n)
}

func (h HTTP) slettNokkel(w http.ResponseWriter, r *http.Request) error {
	if err := h.s.FjernSertifikat(r.Context(), sti(r, "kontoId"), aktor(r)); err != nil {
		return err
	}
	return tomt(w)
}

type visbarAdresse struct {
	FiksOrgID       string    `json:"fiksOrgId"`
	KontoID         string    `json:"kontoId"`
	AdresseID       string    `json:"adresseId"`
	Opprettet       time.Time `json:"opprettet"`
	OpprettetAvFnr  *string   `json:"opprettetAvFnr"`
	SistEndret      time.Time `json:"sistEndret"`
	SistEndretAvFnr *string   `json:"sistEndretAvFnr"`
	Aktiv           bool      `json:"aktiv"`
	Gyldig          bool      `json:"gyldig"`
	Identifikatorer []string  `json:"identifikatorer"`
	Protokoller     []string  `json:"meldingsprotokoller"`
	Nivaer          []int     `json:"sikkerhetsnivaer"`
	Beskrivelse     string    `json:"beskrivelse"`
}

func visAdresse(r *http.Request, k Konto, a Adresse) visbarAdresse {
	return visbarAdresse{FiksOrgID: k.FiksOrgID, KontoID: a.KontoID, AdresseID: a.ID,
		Opprettet: a.Opprettet, OpprettetAvFnr: visAktor(r, a.OpprettetAv, true),
		SistEndret: a.SistEndret, SistEndretAvFnr: visAktor(r, a.SistEndretAv, true),
		Aktiv: a.Aktiv, Gyldig: a.Gyldig(), Identifikatorer: tekster(a.Identifikatorer),
		Protokoller: append([]string{}, a.Protokoller...), Nivaer: append([]int{}, a.Nivaer...), Beskrivelse: a.Beskrivelse}
}

func (h HTTP) svarAdresse(w http.ResponseWriter, r *http.Request, status int, a Adresse) error {
	k, err := h.s.Konto(r.Context(), a.KontoID)
	if err != nil {
		return err
	}
	return httpx.JSON(w, status, visAdresse(r, k, a))
}

func (h HTTP) visAdresser(w http.ResponseWriter, r *http.Request) error {
	k, err := h.s.Konto(r.Context(), sti(r, "kontoId"))
	if err != nil {
		return err
	}
	as, err := h.s.Adresser(r.Context(), k.ID)
	if err != nil {
		return err
	}
	ut := []visbarAdresse{}
	for _, a := range as {
		ut = append(ut, visAdresse(r, k, a))
	}
	return httpx.JSON(w, http.StatusOK, ut)
}

func (h HTTP) opprettAdresse(w http.ResponseWriter, r *http.Request) error {
	inn, err := lesJSON[struct {
		Beskrivelse string `json:"beskrivelse"`
	}](r)
	if err != nil {
		return err
	}
	var a Adresse
	err = h.s.DB.Write(r.Context(), func(tx *store.Tx) error {
		a, err = h.s.OpprettAdresse(r.Context(), tx, Adresse{KontoID: sti(r, "kontoId"), Beskrivelse: inn.Beskrivelse, OpprettetAv: aktor(r)})
		return err
	})
	if err != nil {
		return err
	}
	return h.svarAdresse(w, r, http.StatusCreated, a)
}

func (h HTTP) slettAdresse(w http.ResponseWriter, r *http.Request) error {
	if err := h.s.SlettAdresse(r.Context(), sti(r, "kontoId"), sti(r, "adresseId")); err != nil {
		return err
	}
	return tomt(w)
}

// endreAdresse answers a change of an address: 200 with it, or 400 with the
// address that it overlaps as the whole body (contract §4).
func (h HTTP) endreAdresse(w http.ResponseWriter, r *http.Request, fn func(*Adresse) error) error {
	a, err := h.s.EndreAdresse(r.Context(), sti(r, "kontoId"), sti(r, "adresseId"), aktor(r), fn)
	if k, ok := errors.AsType[*AdresseKonflikt](err); ok {
		return httpx.JSON(w, http.StatusBadRequest, k)
	}
	if err != nil {
		return err
	}
	return h.svarAdresse(w, r, http.StatusOK, a)
}

func (h HTTP) adresseAktiv(aktiv bool) httpx.Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		return h.endreAdresse(w, r, func(a *Adresse) error {
			a.Aktiv = aktiv
			return nil
		})
	}
}

func (h HTTP) adresseBeskrivelse(w http.ResponseWriter, r *http.Request) error {
	inn, err := lesJSON[struct {
		Beskrivelse string `json:"beskrivelse"`
	}](r)
	if err != nil {
		return err
	}
	return h.endreAdresse(w, r, func(a *Adresse) error {
		a.Beskrivelse = inn.Beskrivelse
		return nil
	})
}

// endreDel reads the array that adds to, or takes from, one part of an address.
func endreDel[Inn any, Del comparable](h HTTP, fjern bool, les func(Inn) Del, felt func(*Adresse) *[]Del) httpx.Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		inn, err := lesJSON[[]Inn](r)
		if err != nil {
			return err
		}
		if len(inn) == 0 || len(inn) > 1000 {
			return feil.Ny(feil.Ugyldig, "Listen må ha fra 1 til 1000 elementer")
		}
		var deler []Del
		for _, i := range inn {
			d := les(i)
			if slices.Contains(deler, d) {
				return feil.Ny(feil.Ugyldig, "Listen har samme element to ganger")
			}
			deler = append(deler, d)
		}
		return h.endreAdresse(w, r, func(a *Adresse) error {
			f := felt(a)
			*f = slices.DeleteFunc(*f, func(d Del) bool { return slices.Contains(deler, d) })
			if !fjern {
				*f = append(*f, deler...)
			}
			return nil
		})
	}
}

func (h HTTP) endreIdentifikatorer(fjern bool) httpx.Handler {
	return endreDel(h, fjern, func(i Identifikator) Identifikator { return i },
		func(a *Adresse) *[]Identifikator { return &a.Identifikatorer })
}

type protokollDel struct {
	Protokoll string `json:"meldingsprotokoll"`
}

func (h HTTP) endreProtokoller(fjern bool) httpx.Handler {
	return endreDel(h, fjern, func(p protokollDel) string { return p.Protokoll },
		func(a *Adresse) *[]string { return &a.Protokoller })
}

type nivaDel struct {
	Niva int `json:"sikkerhetsniva"`
}

func (h HTTP) endreNivaer(fjern bool) httpx.Handler {
	return endreDel(h, fjern, func(n nivaDel) int { return n.Niva },
		func(a *Adresse) *[]int { return &a.Nivaer })
}

func (h HTTP) visAvsendere(w http.ResponseWriter, r *http.Request) error {
	ks, aktivert, err := h.s.AksepterteAvsendere(r.Context(), sti(r, "kontoId"))
	if err != nil {
		return err
	}
	type avsender struct {
		KontoID     string `json:"kontoId"`
		KontoNavn   string `json:"kontoNavn"`
		FiksOrgNavn string `json:"fiksOrgNavn"`
	}
	ut := struct {
		Avsendere []avsender `json:"avsendere"`
		Aktivert  bool       `json:"aktivert"`
	}{[]avsender{}, aktivert}
	for _, k := range ks {
		ut.Avsendere = append(ut.Avsendere, avsender{k.ID, k.Navn, h.s.orgNavn(r.Context(), k.FiksOrgID)})
	}
	return httpx.JSON(w, http.StatusOK, ut)
}

func (h HTTP) leggTilAvsender(w http.ResponseWriter, r *http.Request) error {
	inn, err := lesJSON[struct {
		KontoID string `json:"kontoId"`
	}](r)
	if err != nil {
		return err
	}
	if !erUUID(inn.KontoID) {
		return feil.Ny(feil.Ugyldig, "kontoId må være en UUID")
	}
	if err := h.s.LeggTilAvsender(r.Context(), sti(r, "kontoId"), strings.ToLower(inn.KontoID), aktor(r)); err != nil {
		return err
	}
	return tomt(w)
}

func (h HTTP) kunAksepterte(aktivert bool) httpx.Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		if err := h.s.SettKunAksepterte(r.Context(), sti(r, "kontoId"), aktivert, aktor(r)); err != nil {
			return err
		}
		return tomt(w)
	}
}

func (h HTTP) fjernAvsender(w http.ResponseWriter, r *http.Request) error {
	if err := h.s.FjernAvsender(r.Context(), sti(r, "kontoId"), sti(r, "avsenderKontoId"), aktor(r)); err != nil {
		return err
	}
	return tomt(w)
}

func (h HTTP) validerMelding(w http.ResponseWriter, r *http.Request) error {
	inn, err := lesJSON[struct {
		AvsenderKontoID string `json:"avsenderKontoId"`
		MeldingsType    string `json:"meldingsType"`
		HarPayload      bool   `json:"harPayload"`
	}](r)
	if err != nil {
		return err
	}
	id, avsender := sti(r, "kontoId"), strings.ToLower(inn.AvsenderKontoID)
	if err := h.krev(r, auth.FiksIOKonto, id, avsender); err != nil {
		return err
	}
	grunner, err := h.s.ValiderMelding(r.Context(), id, avsender, inn.MeldingsType, inn.HarPayload)
	if err != nil {
		return err
	}
	if len(grunner) == 0 {
		return tomt(w)
	}
	ut := []httpx.Feilmelding{}
	for _, g := range grunner {
		f := httpx.Feilmelding{Timestamp: h.s.Klokke.Now().UnixMilli(), Status: http.StatusBadRequest,
			Error: http.StatusText(http.StatusBadRequest), ErrorID: uuid.NewString(), Path: r.URL.Path, Message: g.Melding}
		if g.ErrorCode != "" {
			f.ErrorCode = &g.ErrorCode
		}
		ut = append(ut, f)
	}
	return httpx.JSON(w, http.StatusBadRequest, ut)
}
