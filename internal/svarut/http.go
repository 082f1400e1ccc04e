package svarut

import (
	"context"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"knutepunkt/internal/auth"
	"knutepunkt/internal/feil"
	"knutepunkt/internal/httpx"
	"knutepunkt/internal/keys"
	"knutepunkt/internal/klokke"
	"knutepunkt/internal/levering"
)

const (
	maksJSON   = 1 << 20 // bytes of a JSON body
	maksForste = 2 << 20 // bytes of the JSON of a forsendelse; SvarInn's list holds some of them at a time
	maksIder   = 1000    // of one search
	// maksTomming bounds what is read of a body after its request was refused.
	maksTomming = 1 << 30
)

// Routes are the endpoints, each with its row of the authorisation table.
func (s *Service) Routes() []auth.Route {
	apen := auth.Tilgang{Slag: auth.Anonym, Merknad: "åpen: sertifikatet er offentlig"}
	person := auth.Tilgang{Slag: auth.Person, Merknad: "mottakeren eller en den er eksponert for, på forsendelsens nivå; revisjonslogges"}
	ut := []auth.Route{
		{Pattern: "GET /forsendelse/publickey/hent", Tilgang: apen, Handler: s.publicKey},
		{Pattern: "GET /forsendelse/{forsendelseId}/{nr}", Tilgang: person, Handler: s.lastNed},
	}
	ut = append(ut, s.ruterV1()...)
	return append(ut, s.ruterV2()...)
}

// ruterV2 are REST v2 and v3 (§3.1, §3.2). A trailing slash means nothing.
func (s *Service) ruterV2() []auth.Route {
	konto := auth.Tilgang{Slag: auth.Integrasjon, Privilegium: auth.SvarUtKonto,
		Ressurs: func(_ context.Context, r *http.Request) (string, error) { return uuidSti(r, "kontoId") }}
	egen := auth.Tilgang{Slag: auth.Integrasjon, Privilegium: auth.SvarUtKonto,
		Merknad: "bare forsendelser fra kontoer som integrasjonen har privilegiet på; andre finnes ikke"}
	oppslag := auth.Tilgang{Slag: auth.Integrasjon, Privilegium: auth.SvarUtKonto}
	const (
		k2, f2 = "/api/v2/kontoer/{kontoId}/forsendelser", "/api/v2/forsendelser/{forsendelseId}"
		k3     = "/api/v3/kontoer/{kontoId}/forsendelser"
	)
	return []auth.Route{
		{Pattern: "POST " + k2, Tilgang: konto, Handler: tom(s.postV2)},
		{Pattern: "GET " + k2, Tilgang: konto, Handler: s.eksternRefV2},
		{Pattern: "GET " + k2 + "/metadata", Tilgang: konto, Handler: s.eksternRefMetadataV2},
		{Pattern: "POST " + k2 + "/status-sok", Tilgang: konto, Handler: s.statusSokV2},
		{Pattern: "GET " + f2 + "/hendelser", Tilgang: egen, Handler: s.hendelserV2},
		{Pattern: "GET " + f2 + "/signeringshendelser", Tilgang: egen, Handler: s.signeringV2},
		{Pattern: "POST " + f2 + "/lest", Tilgang: egen, Handler: s.lestV2, MaxBody: maksJSON},
		{Pattern: "GET " + f2 + "/metadata", Tilgang: egen, Handler: s.metadataV2},
		{Pattern: "DELETE " + f2 + "/dokumenter", Tilgang: egen, Handler: s.slettV2},
		{Pattern: "GET /api/v2/forsendelsestyper", Tilgang: oppslag, Handler: s.typerV2},
		{Pattern: "GET /api/v2/mottakersystem", Tilgang: oppslag, Handler: s.mottakersystemV2},

		{Pattern: "POST " + k3 + "/person", Tilgang: konto, Handler: tom(s.postV3(personV3))},
		{Pattern: "POST " + k3 + "/organisasjon", Tilgang: konto, Handler: tom(s.postV3(organisasjonV3))},
		{Pattern: "POST " + k3 + "/print", Tilgang: konto, Handler: tom(s.postV3(printV3))},
		{Pattern: "POST " + k3 + "/nhn", Tilgang: konto, Handler: tom(nhnV3)},
		{Pattern: "POST " + k3 + "/status/sok", Tilgang: konto, Handler: s.statusSokV3},
	}
}

// ruterV1 are REST v1 (§3.3), with its own login and error body.
func (s *Service) ruterV1() []auth.Route {
	avsender := auth.Tilgang{Slag: auth.Avsender, Merknad: "bare kontoens egne forsendelser; andre finnes ikke"}
	const v1, f1 = "/tjenester/api/forsendelse/v1", "/tjenester/api/forsendelse/v1/{forsendelseId}"
	ut := []auth.Route{
		{Pattern: "POST " + v1 + "/startNyForsendelse", Handler: s.startV1},
		{Pattern: "POST " + v1 + "/sendForsendelse", Handler: tom(s.postV1)},
		{Pattern: "POST " + f1 + "/sendForsendelse", Handler: tom(s.postV1)},
		{Pattern: "GET " + f1 + "/status", Handler: s.statusV1},
		{Pattern: "POST " + v1 + "/statuser", Handler: s.statuserV1},
		{Pattern: "GET " + f1 + "/historikk", Handler: s.historikkV1},
		{Pattern: "GET " + f1 + "/signeringhistorikk", Handler: s.signeringV1},
		{Pattern: "GET " + f1 + "/dokumentMetadata", Handler: s.metadataV1},
		{Pattern: "POST " + f1 + "/settLest", Handler: s.lestV1},
		{Pattern: "GET " + v1 + "/forsendelseTyper", Handler: s.typerV1},
		{Pattern: "GET " + v1 + "/mottakersystem", Handler: s.mottakersystemV1},
		{Pattern: "GET " + v1 + "/mottakersystem/{orgnr}", Handler: s.mottakersystemV1},
		{Pattern: "GET " + v1 + "/eksternref/{eksternref}", Handler: s.eksternRefV1},
		{Pattern: "POST " + v1 + "/slettFiler", Handler: s.slettV1},
	}
	for i := range ut {
		ut[i].Tilgang, ut[i].Feilform = avsender, feilformV1
		ut[i].Innlogging = auth.Basic{Realm: "KS Svarut avsender login", Slag: auth.Avsender, Sjekk: s.LoggInn}
	}
	return ut
}

// tom reads the rest of the body when a handler refused the request before its
// end: a client that is still writing would otherwise see a broken connection
// and not the answer.
func tom(h httpx.Handler) httpx.Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		err := h(w, r)
		if err != nil && r.Body != nil {
			_, _ = io.CopyN(io.Discard, r.Body, maksTomming)
		}
		return err
	}
}

// uuidSti reads an id from the path; feil.Ugyldig.
func uuidSti(r *http.Request, navn string) (string, error) {
	id := strings.ToLower(r.PathValue(navn))
	if !erUUID(id) {
		return "", ugyldig("%s må være en UUID", navn)
	}
	return id, nil
}

// taImot reads a request as all versions send it (§3.1): the part «forsendelse»
// with JSON, then one part per document in the order of the metadata. Part names
// after the first, and all content types, say nothing.
func (s *Service) taImot(r *http.Request, kontoID string, les func(b []byte) (Ny, error)) (id string, err error) {
	ctx := r.Context()
	deler, err := httpx.LesDeler(r, s.cfg.MaksForesporsel)
	if err != nil {
		return "", err
	}
	forste, err := deler.Neste()
	if err == io.EOF || err == nil && forste.Navn != "forsendelse" { //nolint:errorlint // only a bare io.EOF is the end
		return "", ugyldig("Den første delen må hete forsendelse")
	} else if err != nil {
		return "", err
	}
	b, err := io.ReadAll(io.LimitReader(forste.Innhold, maksForste+1))
	if err != nil {
		return "", deler.Feil(err)
	}
	if len(b) > maksForste {
		return "", feil.Ny(feil.ForStor, "Delen forsendelse er større enn %d MB", maksForste>>20)
	}
	n, err := les(b)
	if err != nil {
		return "", err
	}
	m, err := s.TaImot(ctx, kontoID, n)
	if err != nil {
		return "", err
	}
	defer m.Forkast()
	for {
		del, err := deler.Neste()
		if err == io.EOF { //nolint:errorlint // only a bare io.EOF is the end
			return m.Aksepter(ctx)
		}
		if err != nil {
			return "", err
		}
		if !del.ErFil {
			return "", ugyldig("Delene etter forsendelse må ha filnavn")
		}
		if err := m.Dokument(ctx, del.Filnavn, del.Innhold); err != nil {
			return "", deler.Feil(err)
		}
	}
}

// egen finds the forsendelse of the path for its sender.
func (s *Service) egen(r *http.Request) (Forsendelse, error) {
	id, err := uuidSti(r, "forsendelseId")
	if err != nil {
		return Forsendelse{}, err
	}
	return s.ForsendelseFor(r.Context(), auth.From(r.Context()), id)
}

// publicKey gives senders the certificate to encrypt to.
func (s *Service) publicKey(w http.ResponseWriter, r *http.Request) error {
	nokler, err := s.Ring.Platform(r.Context(), keys.Dokumentlager)
	if err != nil {
		return fmt.Errorf("reading the dokumentlager keys: %w", err)
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	return pem.Encode(w, &pem.Block{Type: "CERTIFICATE", Bytes: nokler[0].Certificate.Raw})
}

// nedlastingsURL is where a person downloads a document; nr from 1.
func (s *Service) nedlastingsURL(id string, nr int) string {
	return s.cfg.BaseURL + "/forsendelse/" + id + "/" + strconv.Itoa(nr)
}

// mottakersystemer looks up by the parameters of a request.
func (s *Service) mottakersystemer(ctx context.Context, orgnr, forsendelsestype, nivaTekst string) ([]Mottakersystem, error) {
	niva := 0
	if nivaTekst != "" {
		var err error
		if niva, err = strconv.Atoi(nivaTekst); err != nil || niva < 0 || niva > 9 {
			return nil, ugyldig("niva må være et tall fra 0 til 9")
		}
	}
	switch {
	case orgnr != "" && (len(orgnr) != 9 || strings.Trim(orgnr, "0123456789") != ""):
		return nil, ugyldig("Organisasjonsnummeret må ha 9 siffer")
	case len(forsendelsestype) > 4*maksTekst:
		return nil, ugyldig("forsendelsestypen kan ha høyst %d tegn", maksTekst)
	}
	return s.Mottakersystemer(ctx, orgnr, forsendelsestype, niva)
}

// medID puts a digitalId where it belongs, by its length.
func medID(a levering.Adresse, digitalID string) levering.Adresse {
	if len(digitalID) == 9 {
		a.Orgnr = digitalID
	} else {
		a.Fnr = digitalID
	}
	return a
}

// tidspunkt is a date as the wires write it: ISO 8601 with or without offset or
// time of day (then Oslo), or a number of milliseconds. null is no date.
type tidspunkt struct{ time.Time }

// UnmarshalJSON implements json.Unmarshaler.
func (t *tidspunkt) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		return nil
	}
	var ms json.Number
	if b[0] != '"' {
		if err := json.Unmarshal(b, &ms); err != nil {
			return err
		}
		n, err := ms.Float64()
		if err != nil || n < -1e14 || n > 1e15 {
			return feil.Ny(feil.Ugyldig, "Ugyldig input: et tidspunkt er utenfor kalenderen")
		}
		t.Time = time.UnixMilli(int64(n)).UTC()
		return nil
	}
	var v string
	if err := json.Unmarshal(b, &v); err != nil {
		return err
	}
	if v == "" {
		return nil
	}
	for _, form := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999Z0700", "2006-01-02T15:04:05.999999999", "2006-01-02T15:04", "2006-01-02"} {
		if tid, err := time.ParseInLocation(form, v, klokke.Sone()); err == nil {
			if tid.Year() < 1 || tid.Year() > 9999 {
				break
			}
			t.Time = tid.UTC()
			return nil
		}
	}
	return feil.Ny(feil.Ugyldig, "Ugyldig input: et tidspunkt må skrives etter ISO 8601, for eksempel 2026-01-31T12:00:00+01:00")
}

// iso writes a time as v2 and v3 have it, with Oslo's offset.
func iso(t time.Time) string { return klokke.Oslo(t).Format("2006-01-02T15:04:05.000Z07:00") }

// lesJSON reads a whole small body.
func lesJSON[T any](r *http.Request) (T, error) {
	var v T
	err := httpx.ReadJSON(r, maksJSON, &v)
	return v, err
}

// dekod reads the JSON of a forsendelse.
func dekod[T any](b []byte) (T, error) {
	var v T
	err := httpx.UnmarshalJSON(b, &v)
	return v, err
}

// lesIder checks and lower-cases ids from a body.
func lesIder(ider []string) ([]string, error) {
	if len(ider) == 0 || len(ider) > maksIder {
		return nil, ugyldig("Oppgi 1 til %d forsendelser", maksIder)
	}
	ut := make([]string, len(ider))
	for i, id := range ider {
		if ut[i] = strings.ToLower(id); !erUUID(ut[i]) {
			return nil, ugyldig("Forsendelse nummer %d i listen har en id som ikke er en UUID", i+1)
		}
	}
	return ut, nil
}
